//! What a tenant attaches to a task comes back with it everywhere, and never reaches the provider.

use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, LiveReceiver, TestTenant};
use serde_json::{Value, json};

async fn submit(tenant: &TestTenant, inputs: &Value, metadata: &str, key: &str) -> Answer {
    let request = tenant
        .http()
        .post(tenant.url(&format!("/api/v3/{MODEL}")))
        .header("fluxgate-metadata", metadata)
        .header("idempotency-key", key)
        .json(inputs);
    tenant.send(request).await
}

#[tokio::test]
async fn metadata_comes_back_with_the_task_and_chooses_who_is_told() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (all, some) = (LiveReceiver::start().await, LiveReceiver::start().await);
    tenant.endpoint(&all.url("all")).await;
    let filtered = json!({ "url": some.url("x"), "filter": { "metadata": { "order": "42" } } });
    assert_eq!(tenant.post("/v1/endpoints", &filtered).await.status, 201);
    let inputs = tenant.inputs().await;

    let ours = submit(&tenant, &inputs, r#"{"order":"42","who":"me"}"#, "a").await;
    let ours = ours.text("/data/id");
    let other = submit(&tenant, &inputs, r#"{"order":"43"}"#, "b").await;
    let other = other.text("/data/id");

    let metadata = json!({ "order": "42", "who": "me" });
    assert_eq!(tenant.ended(&ours).await["metadata"], metadata);
    let told = all.about(&ours, 1).await.remove(0);
    assert_eq!(told.json()["data"]["metadata"], metadata);
    some.about(&ours, 1).await;
    all.about(&other, 1).await;
    assert!(some.received().iter().all(|one| one.task() == ours));
    for run in gateway.emulator.runs() {
        assert!(
            !format!("{run:?}").contains("metadata"),
            "the provider was told"
        );
    }
}

#[tokio::test]
async fn a_key_stands_for_its_metadata_too_and_what_cannot_be_is_refused() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let first = submit(&tenant, &inputs, r#"{"order":"1"}"#, "k").await;
    let again = submit(&tenant, &inputs, r#"{"order":"1"}"#, "k").await;
    let other = submit(&tenant, &inputs, r#"{"order":"2"}"#, "k").await;
    assert_eq!(first.text("/data/id"), again.text("/data/id"));
    assert_eq!(other.status, 422);

    let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(512));
    for odd in [
        "[]",
        "{",
        r#"{"a":1}"#,
        r#"{"a":"1","a":"2"}"#,
        r#"{"a b":"1"}"#,
        &long,
    ] {
        let refused = submit(&tenant, &inputs, odd, "odd").await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/error_code")),
            (400, "invalid_metadata".to_owned()),
            "{odd}: {}",
            refused.body
        );
    }
}
