//! What a new environment of a function finds: temporary files of one that was ended, and the
//! catalogue that others have read, or that the provider never sends.

use fluxgate_tests::black_hole::BlackHole;
use fluxgate_tests::{Stack, StackOptions, eventually};

#[tokio::test]
async fn an_archiver_removes_at_its_start_what_an_earlier_one_left() {
    let stack = Stack::start().await;
    let archiver = stack.function("archiver");
    let outputs = archiver.temporary().join("fluxgate-outputs");
    eventually("its folder", async || outputs.is_dir().then_some(())).await;
    let left = outputs.join("half-an-output");
    std::fs::write(&left, "half").unwrap();

    archiver.kill();

    eventually("an empty folder", async || (!left.exists()).then_some(())).await;
    let tenant = stack.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["archived"], true);
}

#[tokio::test]
async fn gateways_that_start_later_do_not_ask_the_provider_for_its_catalogue() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    tenant.submit(&tenant.inputs().await).await;
    let asked = stack.emulator.request_count("models");

    stack.function("gateway").kill();
    tenant.submit(&tenant.inputs().await).await;

    assert!(asked > 0);
    assert_eq!(stack.emulator.request_count("models"), asked);
}

#[tokio::test]
async fn a_gateway_answers_reads_while_the_provider_owes_it_the_catalogue() {
    let provider = BlackHole::start().await;
    let stack = Stack::with(StackOptions {
        environment: [("FLUXGATE_PROVIDER_URL".to_owned(), provider.url(""))].into(),
        ..StackOptions::default()
    })
    .await;

    let url = format!("{}/healthz", stack.gateway_url());
    let answered = reqwest::get(url).await.unwrap();

    assert_eq!(answered.status(), 200);
    assert!(provider.connections() > 0);
    // It was the limit that ended the wait: the client's own time-out comes later, in other words.
    let log = stack.function("gateway").log();
    assert!(log.contains("the provider takes its time"), "{log}");
    assert!(!log.contains("in time"), "{log}");
}
