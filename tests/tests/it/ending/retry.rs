//! A task that did not complete is run again with what it was made of.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant};
use serde_json::{Value, json};

use super::{refusal, tiny};

async fn retry(tenant: &TestTenant, task: &str, key: Option<&str>) -> Answer {
    let url = tenant.url(&format!("/v1/tasks/{task}/retry"));
    let request = tenant.http().post(url);
    let request = key.iter().fold(request, |request, key| {
        request.header("Idempotency-Key", *key)
    });
    tenant.send(request).await
}

/// A gateway whose runs fail until it is told otherwise, and a tenant with a run that failed.
async fn failing() -> (Gateway, TestTenant) {
    let gateway = Gateway::with(GatewayOptions {
        faults: Faults {
            fail_task: Fault::Always,
            ..tiny()
        },
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    (gateway, tenant)
}

async fn failed(tenant: &TestTenant, body: &Value) -> String {
    let created = tenant.post("/v1/tasks", body).await;
    assert_eq!(created.status, 201, "{:?}", created.body);
    let task = created.text("/id");
    assert_eq!(tenant.ended(&task).await["status"], "failed");
    task
}

#[tokio::test]
async fn a_failed_task_is_run_again_with_all_that_was_given_and_once_for_each_key() {
    let (gateway, tenant) = failing().await;
    let callback = LiveReceiver::start().await;
    let mut body = json!({ "model": MODEL, "input": tenant.inputs().await });
    body["metadata"] = json!({ "order": "42" });
    body["callback_url"] = callback.url("done").into();
    let task = failed(&tenant, &body).await;
    gateway.emulator.set_faults(tiny());

    let retried = retry(&tenant, &task, Some("again")).await;
    let repeated = retry(&tenant, &task, Some("again")).await;

    let id = retried.text("/id");
    assert_eq!(retried.status, 201, "{:?}", retried.body);
    assert_eq!(retried.text("/retry_of"), task);
    assert_eq!(retried.body["metadata"], json!({ "order": "42" }));
    assert_ne!(id, task);
    assert_eq!(repeated.text("/id"), id);
    assert_eq!(tenant.ended(&id).await["status"], "completed");
    callback.about(&id, 1).await;
    let runs = gateway.emulator.runs();
    assert_eq!(runs.len(), 2);
    assert_eq!(runs[0].inputs["prompt"], runs[1].inputs["prompt"]);
    assert!((tenant.balance_usd().await - 0.92).abs() < 1e-9);
    let completed = retry(&tenant, &id, None).await;
    assert_eq!(refusal(&completed), (409, "task_completed".to_owned()));
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_retried_is_refused_with_its_reason() {
    let (gateway, tenant) = failing().await;
    let stranger = gateway.tenant("other", "1").await;
    let mut inputs = tenant.inputs().await;
    let small = failed(&tenant, &json!({ "model": MODEL, "input": inputs })).await;
    let picture = STANDARD.encode(fluxgate_emulator::DEMO_PHOTO);
    inputs["image"] = format!("data:image/jpeg;base64,{picture}").into();
    let large = failed(&tenant, &json!({ "model": MODEL, "input": inputs })).await;
    let deleted = failed(&tenant, &json!({ "model": MODEL, "input": inputs })).await;
    tenant.delete(&format!("/v1/tasks/{deleted}")).await;

    let gone = retry(&tenant, &large, None).await;

    assert_eq!(refusal(&gone), (409, "inputs_gone".to_owned()));
    assert_eq!(retry(&tenant, &deleted, None).await.status, 404);
    assert_eq!(retry(&stranger, &small, None).await.status, 404);
    let used = json!({ "model": MODEL, "input": tenant.inputs().await });
    let first = tenant.http().post(tenant.url("/v1/tasks")).json(&used);
    tenant.send(first.header("Idempotency-Key", "used")).await;
    let other = retry(&tenant, &small, Some("used")).await;
    assert_eq!(other.status, 422, "{:?}", other.body);
    gateway.stop().await;
}
