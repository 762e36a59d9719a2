//! Events of a disabled endpoint, and how they are released.

use serde_json::{Value, json};

use super::{act, found, listed, slow_to_retry};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};

/// A disabled endpoint with three events that are held, oldest first.
async fn holding(gateway: &Gateway) -> (TestTenant, LiveReceiver, String, Vec<Value>) {
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let body = json!({ "url": receiver.url("events"), "enabled": false });
    let id = tenant.created_endpoint(&body).await.text("/id");
    let inputs = tenant.inputs().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let task = tenant.submit(&inputs).await;
        held.push(found(&tenant, &format!("task={task}&state=held")).await);
    }
    (tenant, receiver, format!("/v1/endpoints/{id}"), held)
}

/// The tasks that are in this state, once there are so many.
async fn tasks_in(tenant: &TestTenant, state: &str, count: usize) -> Vec<Value> {
    eventually(&format!("{count} deliveries that are {state}"), || async {
        let mut deliveries = listed(tenant, &format!("state={state}")).await;
        deliveries.reverse();
        let tasks: Vec<Value> = deliveries
            .iter()
            .map(|one| one["task_id"].clone())
            .collect();
        (tasks.len() == count).then_some(tasks)
    })
    .await
}

/// The recovery of the endpoint, once it is over.
async fn recovered(tenant: &TestTenant, path: &str) -> Value {
    eventually("the end of the recovery", || async {
        let recovery = tenant.get(path).await.body["recovery"].clone();
        recovery["finished_at"].is_string().then_some(recovery)
    })
    .await
}

#[tokio::test]
async fn enabling_an_endpoint_sends_everything_that_was_held() {
    let gateway = Gateway::start().await;
    let (tenant, receiver, path, held) = holding(&gateway).await;
    let timeline = tenant.timeline(held[0]["task_id"].as_str().unwrap()).await;
    assert_eq!(timeline["deliveries"][0]["state"], "held");
    let metrics = gateway.metrics().await;
    let counted = "fluxgate_deliveries_held_total 3";
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");

    let enabled = tenant.patch(&path, &json!({ "enabled": true })).await;

    assert_eq!(enabled.body["recovery"]["scope"], "held");
    let tasks: Vec<Value> = held.iter().map(|one| one["task_id"].clone()).collect();
    assert_eq!(tasks_in(&tenant, "delivered", 3).await, tasks);
    let recovery = recovered(&tenant, &path).await;
    assert_eq!(recovery["replayed"], 3, "{recovery}");
    assert_eq!(receiver.received().len(), 3);
    let ids: Vec<Value> = held.iter().map(|one| one["event_id"].clone()).collect();
    for received in receiver.received() {
        assert!(ids.contains(&received.header("webhook-id").into()));
    }
}

#[tokio::test]
async fn enabling_an_endpoint_since_a_time_keeps_the_older_held() {
    let gateway = Gateway::start().await;
    let (tenant, receiver, path, held) = holding(&gateway).await;

    let change = json!({ "enabled": true, "release": held[1]["created_at"] });
    assert_eq!(tenant.patch(&path, &change).await.status, 200);

    assert_eq!(
        tasks_in(&tenant, "delivered", 2).await,
        [held[1]["task_id"].clone(), held[2]["task_id"].clone()]
    );
    recovered(&tenant, &path).await;
    assert_eq!(
        tasks_in(&tenant, "held", 1).await,
        [held[0]["task_id"].clone()]
    );
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn enabling_an_endpoint_without_a_release_leaves_all_of_it_to_a_recovery() {
    let gateway = Gateway::start().await;
    let (tenant, receiver, path, held) = holding(&gateway).await;

    let change = json!({ "enabled": true, "release": "none" });
    let enabled = tenant.patch(&path, &change).await;
    assert_eq!(
        (enabled.status.as_u16(), enabled.body.get("recovery")),
        (200, None)
    );
    // Enabled, it is told what comes later.
    let later = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&later, 1).await;
    assert_eq!(tasks_in(&tenant, "held", 3).await.len(), 3);

    let recover = format!("{path}/recover");
    let since = json!({ "since": held[2]["created_at"] });
    let begun = tenant.post(&recover, &since).await;
    assert_eq!(
        (begun.status.as_u16(), &begun.body["recovery"]["scope"]),
        (202, &json!("missed"))
    );
    assert_eq!(recovered(&tenant, &path).await["replayed"], 1);
    tasks_in(&tenant, "held", 2).await;
    assert_eq!(tenant.post(&recover, &json!({})).await.status, 202);
    tasks_in(&tenant, "delivered", 4).await;
    assert_eq!(receiver.received().len(), 4);
}

#[tokio::test]
async fn a_recovery_sends_what_has_used_up_its_attempts() {
    let gateway = slow_to_retry().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (id, _) = tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500; 2]);
    let task = tenant.submit(&tenant.inputs().await).await;
    let pending = eventually("a first attempt", || async {
        let delivery = found(&tenant, &format!("task={task}")).await;
        (delivery["attempts_made"] == 1).then_some(delivery)
    })
    .await;
    // Its schedule begins anew: one more failure, then the same ten minutes.
    assert_eq!(act(&tenant, &pending, "replay").await.0, 202);
    receiver.about(&task, 2).await;

    let since = json!({ "since": "not a time" });
    let path = format!("/v1/endpoints/{id}");
    let refused = tenant.post(&format!("{path}/recover"), &since).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text("/field")),
        (400, "since".to_owned())
    );
    let begun = tenant.post(&format!("{path}/recover"), &json!({})).await;
    assert_eq!(begun.status, 202, "{:?}", begun.body);

    // What is pending is on its way already.
    assert_eq!(recovered(&tenant, &path).await["replayed"], 0);
}

#[tokio::test]
async fn what_is_held_is_not_replayed_to_an_endpoint_that_is_disabled_or_gone() {
    let gateway = Gateway::start().await;
    let (tenant, receiver, path, held) = holding(&gateway).await;

    let (status, answer) = act(&tenant, &held[0], "replay").await;
    assert_eq!(
        (status, &answer["code"]),
        (409, &json!("endpoint_disabled"))
    );
    let recover = tenant.post(&format!("{path}/recover"), &json!({})).await;
    assert_eq!(
        (recover.status.as_u16(), recover.text("/code")),
        (409, "endpoint_disabled".to_owned())
    );
    let (status, cancelled) = act(&tenant, &held[1], "cancel").await;
    assert_eq!((status, &cancelled["state"]), (200, &json!("cancelled")));
    assert_eq!(tenant.delete(&path).await.status, 204);
    let (status, answer) = act(&tenant, &held[0], "replay").await;
    assert_eq!((status, &answer["code"]), (409, &json!("endpoint_gone")));
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn a_receiver_that_wants_no_more_is_left_alone_and_the_others_are_told() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let watcher = LiveReceiver::start().await;
    let (gone, _) = tenant.endpoint(&receiver.url("events")).await;
    tenant.endpoint(&watcher.url("all")).await;
    receiver.answer(&[410]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let notice = eventually("the notice", || async {
        let told = watcher.received().into_iter();
        told.map(|one| one.json())
            .find(|body| body["type"] == "endpoint.disabled")
    })
    .await;

    assert_eq!(
        (&notice["data"]["endpoint_id"], &notice["data"]["reason"]),
        (&json!(gone), &json!("gone"))
    );
    let endpoint = tenant.get(&format!("/v1/endpoints/{gone}")).await.body;
    assert_eq!(
        (&endpoint["enabled"], &endpoint["disabled"]["reason"]),
        (&json!(false), &json!("gone"))
    );
    found(&tenant, &format!("endpoint={gone}&task={task}&state=held")).await;
    assert_eq!(receiver.received().len(), 1);
    let told = found(&tenant, "event=endpoint.disabled&state=delivered").await;
    assert_eq!(told.get("task_id"), None);
}

/// The recovery of the first enabling looks again for a while.
#[tokio::test]
async fn what_is_not_released_stays_held_whatever_was_released_a_moment_ago() {
    let bounds = BoundsSettings {
        enabling_settles_ms: Some(600_000),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let (tenant, receiver, path, _) = holding(&gateway).await;
    let change = async |change: Value| {
        assert_eq!(tenant.patch(&path, &change).await.status, 200, "{change}");
    };
    change(json!({ "enabled": true })).await;
    tasks_in(&tenant, "delivered", 3).await;
    change(json!({ "enabled": false })).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    found(&tenant, &format!("task={task}&state=held")).await;

    change(json!({ "enabled": true, "release": "none" })).await;

    let recovery = tenant.get(&path).await.body["recovery"].clone();
    assert!(recovery["finished_at"].is_string(), "{recovery}");
    let later = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&later, 1).await;
    found(&tenant, &format!("task={task}&state=held")).await;
}

/// The end of a task that still knows the endpoint as disabled may be written when its recovery has
/// passed.
#[tokio::test]
async fn nothing_stays_held_when_an_endpoint_is_enabled_while_tasks_end() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "100").await;
    let receiver = LiveReceiver::start().await;
    let (id, _) = tenant.endpoint(&receiver.url("events")).await;
    let path = format!("/v1/endpoints/{id}");
    let inputs = tenant.inputs().await;
    for _ in 0..40 {
        tenant.submit(&inputs).await;
        let enabled = tenant.get(&path).await.body["enabled"] == true;
        let change = json!({ "enabled": !enabled });
        assert_eq!(tenant.patch(&path, &change).await.status, 200);
    }
    let enabled = tenant.patch(&path, &json!({ "enabled": true })).await;
    assert_eq!(enabled.status, 200);

    tasks_in(&tenant, "delivered", 40).await;
}
