//! At most one paid run for a key.

use fluxgate_tests::Gateway;

#[tokio::test]
async fn the_same_key_and_body_give_the_same_task_and_one_paid_run() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let first = tenant.submit_with_key(&inputs, "order-1").await;
    let again = tenant.submit_with_key(&inputs, "order-1").await;
    tenant.ended(&first.text("/data/id")).await;
    let later = tenant.submit_with_key(&inputs, "order-1").await;

    assert_eq!(first.text("/data/id"), again.text("/data/id"));
    assert_eq!(first.text("/data/id"), later.text("/data/id"));
    assert_eq!(later.text("/data/status"), "completed");
    assert_eq!(gateway.emulator.runs().len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn many_at_once_with_one_key_are_one_paid_run() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let submits = (0..20).map(|_| {
        let (tenant, inputs) = (tenant.clone(), inputs.clone());
        tokio::spawn(async move { tenant.submit_with_key(&inputs, "order-1").await })
    });
    let mut ids = std::collections::BTreeSet::new();
    for submit in submits.collect::<Vec<_>>() {
        ids.insert(submit.await.unwrap().text("/data/id"));
    }

    assert_eq!(ids.len(), 1);
    assert_eq!(gateway.emulator.runs().len(), 1);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_422_and_nothing_is_sent() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let mut other = inputs.clone();
    other["prompt"] = "something else".into();

    tenant.submit_with_key(&inputs, "order-1").await;
    let refused = tenant.submit_with_key(&other, "order-1").await;

    assert_eq!(
        (
            refused.status.as_u16(),
            refused.text("/error_code").as_str()
        ),
        (422, "idempotency_key_reused")
    );
    assert_eq!(gateway.emulator.runs().len(), 1);
}

#[tokio::test]
async fn a_client_that_hangs_up_during_its_submit_leaves_one_run_that_its_retry_joins() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(fluxgate_emulator::Faults {
        hang_after_accept_ms: 700,
        ..Default::default()
    });
    let impatient = reqwest::Client::builder()
        .timeout(std::time::Duration::from_millis(300))
        .build()
        .unwrap();
    let request = impatient
        .post(tenant.url("/api/v3/wavespeed-ai/flux-kontext-max"))
        .bearer_auth(&tenant.token);

    let gone = request
        .header("Idempotency-Key", "order-1")
        .json(&inputs)
        .send()
        .await;
    let retried = tenant.submit_with_key(&inputs, "order-1").await;

    assert!(gone.is_err(), "the client did not hang up");
    assert_eq!(
        tenant.ended(&retried.text("/data/id")).await["status"],
        "completed"
    );
    assert_eq!(gateway.emulator.runs().len(), 1);
}
