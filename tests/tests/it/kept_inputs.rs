//! Inputs and callback URLs are told no longer than their tenant wants them kept.

use fluxgate_tests::contract::now;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, LiveReceiver};
use serde_json::{Value, json};

const DAY_MS: i64 = 86_400_000;

/// Makes every task three days older than it is.
fn age_tasks(gateway: &Gateway) {
    let path = gateway.folder.path().join("data/fluxgate.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let at = now().0 - 3 * DAY_MS;
    let sql = "UPDATE tasks SET body = json_set(body, '$.created_at', ?1)";
    assert!(database.execute(sql, [at]).unwrap() > 0);
}

fn retention(days: u32) -> Value {
    json!({ "retention": { "inputs_days": days } })
}

#[tokio::test]
async fn what_was_kept_long_enough_is_told_no_more_and_its_absence_is_explained() {
    let gateway = Gateway::start().await;
    let (tenant, callback) = (
        gateway.tenant("acme", "1").await,
        LiveReceiver::start().await,
    );
    let mut body = json!({ "model": MODEL, "input": tenant.inputs().await });
    body["callback_url"] = callback.url("done").into();
    let task = tenant.post("/v1/tasks", &body).await.text("/id");
    tenant.ended(&task).await;
    callback.about(&task, 1).await;
    age_tasks(&gateway);
    let list = json!({ "include_inputs": true });
    let delivery = tenant.get("/v1/deliveries").await.text("/deliveries/0/id");
    let replay = format!("/v1/deliveries/{delivery}/replay");

    let kept = tenant.post("/api/v3/predictions", &list).await;
    let changed = gateway
        .operator()
        .patch("/tenants/acme", &retention(2))
        .await;
    let gone = tenant.post("/api/v3/predictions", &list).await;
    let replayed = tenant.post(&replay, &json!({})).await;

    let first = |answer: &fluxgate_tests::tenant::Answer| answer.body["data"]["items"][0].clone();
    assert_eq!(first(&kept)["input"]["prompt"], body["input"]["prompt"]);
    assert_eq!(first(&kept)["input_absent"], Value::Null);
    assert_eq!(changed.body["retention"], json!({ "inputs_days": 2 }));
    assert_eq!(first(&gone)["input"], Value::Null);
    assert_eq!(first(&gone)["input_absent"], "no_longer_kept");
    assert_eq!(first(&gone)["status"], "completed");
    let refused = (replayed.status.as_u16(), replayed.text("/code"));
    assert_eq!(refused, (409, "callback_gone".to_owned()));
    gateway.stop().await;
}

#[tokio::test]
async fn a_retention_beyond_the_operator_s_bounds_is_refused_by_name() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let operator = gateway.operator();

    for (retention, field) in [
        (json!({ "inputs_days": 0 }), "inputs_days"),
        (json!({ "inputs_days": 31 }), "inputs_days"),
        (json!({ "tasks_days": 500 }), "tasks_days"),
        (json!({ "deliveries_days": 31 }), "deliveries_days"),
    ] {
        let body = json!({ "retention": retention });
        let refused = operator.patch("/tenants/acme", &body).await;
        let told = (refused.status.as_u16(), refused.text("/code"));
        assert_eq!(told, (400, "invalid_retention".to_owned()));
        assert_eq!(refused.text("/field"), field);
    }
    let tenant = operator.get("/tenants/acme").await;
    assert_eq!(tenant.body["retention"], json!({}));
    gateway.stop().await;
}
