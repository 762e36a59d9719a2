//! What a new environment of a function finds: temporary files of one that was ended, and the
//! catalogue that others have read.

use fluxgate_tests::{Stack, eventually};

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
