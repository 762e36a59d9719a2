//! Which events a receiver is told, and by which id.

use std::collections::BTreeSet;

use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver};
use serde_json::json;

use super::deliveries::{act, found};

#[tokio::test]
async fn one_event_has_one_id_at_every_endpoint_and_a_start_has_another() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let both =
        json!({ "url": receiver.url("a"), "event_types": ["task.started", "task.completed"] });
    tenant.created_endpoint(&both).await;
    tenant.endpoint(&receiver.url("b")).await;
    let mut inputs = tenant.inputs().await;
    inputs["webhook_url"] = receiver.url("c").into();

    let task = tenant.submit(&inputs).await;
    let told = receiver.about(&task, 4).await;

    let ids = |event: &str| -> BTreeSet<String> {
        let of_event = told.iter().filter(|one| {
            let body = one.json();
            body["type"] == event || (event != "task.started" && body.get("type").is_none())
        });
        of_event
            .map(|one| one.header("webhook-id").to_owned())
            .collect()
    };
    let (started, completed) = (ids("task.started"), ids("task.completed"));
    assert_eq!(
        (started.len(), completed.len()),
        (1, 1),
        "{started:?} {completed:?}"
    );
    assert_ne!(started, completed);
    let start = told
        .iter()
        .find(|one| one.json()["type"] == "task.started")
        .unwrap();
    assert_eq!(
        start.path, "/a",
        "an empty list is told everything but starts"
    );
    assert_eq!(start.json()["data"]["status"], "processing");
    // A replay keeps the id.
    let delivery = found(
        &tenant,
        &format!("task={task}&event=task.started&state=delivered"),
    )
    .await;
    assert_eq!(act(&tenant, &delivery, "replay").await.0, 202);
    let again = receiver.about(&task, 5).await.pop().unwrap();
    assert_eq!(again.header("webhook-id"), start.header("webhook-id"));
}

#[tokio::test]
async fn who_named_failures_hears_of_cancelled_tasks_too() {
    let gateway = Gateway::with(GatewayOptions {
        run_time: std::time::Duration::from_secs(600),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    for (path, event) in [
        ("failed", "task.failed"),
        ("cancelled", "task.cancelled"),
        ("completed", "task.completed"),
    ] {
        let body = json!({ "url": receiver.url(path), "event_types": [event] });
        tenant.created_endpoint(&body).await;
    }
    let task = tenant.submit(&tenant.inputs().await).await;
    gateway.runs(1).await;

    let run = gateway.emulator.runs()[0].id.clone();
    let body = json!({ "id": run, "status": "cancelled", "error": "" }).to_string();
    let hook = super::provider_webhooks::send(&gateway, &tenant, &task, &body).await;
    assert_eq!(hook.status(), 200);

    let told = receiver.about(&task, 2).await;
    let paths: BTreeSet<&str> = told.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(paths, BTreeSet::from(["/cancelled", "/failed"]));
    assert!(
        told.iter()
            .all(|one| one.json()["type"] == "task.cancelled")
    );
}
