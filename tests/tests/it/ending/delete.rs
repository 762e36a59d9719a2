//! A deleted task cannot be read, nothing is left of what it was about, and its books stay.

use std::time::Duration;

use fluxgate_tests::receiver::Reply;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, LiveReceiver, TestTenant, eventually};
use serde_json::{Value, json};

use super::{cancel, one_at_a_time, refusal};

const SECRET: &str = "a very private prompt";

async fn completed(tenant: &TestTenant) -> String {
    let inputs = json!({ "prompt": SECRET, "image": tenant.upload().await });
    let body = json!({ "model": MODEL, "input": inputs, "metadata": { "order": "private-42" } });
    let task = tenant.post("/v1/tasks", &body).await.text("/id");
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    task
}

async fn deleted_count(tenant: &TestTenant, ids: &[&str]) -> Value {
    let path = "/api/v3/predictions/delete";
    let answer = tenant.post(path, &json!({ "ids": ids })).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body["data"]["deleted_count"].clone()
}

async fn listed(tenant: &TestTenant) -> (usize, usize) {
    let theirs = tenant.post("/api/v3/predictions", &json!({})).await;
    let ours = tenant.get("/v1/tasks").await;
    let count = |list: &Value| list.as_array().map_or(0, Vec::len);
    let items = &theirs.body["data"]["items"];
    (count(items), count(&ours.body["tasks"]))
}

#[tokio::test]
async fn a_deleted_task_is_read_by_no_route_and_its_money_and_usage_stay() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = completed(&tenant).await;
    let output = tenant.result(&task).await["outputs"][0].clone();
    let usage = tenant.get("/v1/usage").await.body;

    let deleted = tenant.delete(&format!("/v1/tasks/{task}")).await;
    let again = tenant.delete(&format!("/v1/tasks/{task}")).await;

    assert_eq!((deleted.status.as_u16(), again.status.as_u16()), (204, 404));
    for path in [
        format!("/api/v3/predictions/{task}"),
        format!("/api/v3/predictions/{task}/result"),
        format!("/api/v2/predictions/{task}/result"),
        format!("/v1/tasks/{task}"),
        format!("/v1/tasks/{task}/timeline"),
    ] {
        assert_eq!(tenant.get(&path).await.status, 404, "{path}");
    }
    let path = format!("/v1/tasks/{task}/archive");
    assert_eq!(tenant.post(&path, &json!({})).await.status, 404);
    assert_eq!(cancel(&tenant, &task).await.status, 404);
    assert_eq!(listed(&tenant).await, (0, 0));
    assert_eq!(tenant.get("/v1/usage").await.body["total"], usage["total"]);
    assert!((tenant.balance_usd().await - 0.92).abs() < 1e-9);
    let bills = json!({ "prediction_uuids": [task] });
    let bills = tenant.post("/api/v3/billings/search", &bills).await;
    assert_eq!(bills.body["data"]["total"], 1, "{:?}", bills.body);
    let report = gateway.operator().get("/reconcile").await.body;
    assert_eq!(report["findings"], json!([]), "{report}");
    let picture = tenant.download(output.as_str().unwrap()).await;
    assert!(!picture.is_empty(), "objects stay in the tenant's bucket");
    gateway.stop().await;
}

/// A tenant has no keys to the buckets of Fluxgate's own S3 server.
#[tokio::test]
async fn the_operator_removes_what_a_deleted_task_left_in_its_bucket_and_its_links_end() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = completed(&tenant).await;
    let output = tenant.result(&task).await["outputs"][0].clone();
    tenant.delete(&format!("/v1/tasks/{task}")).await;

    let path = format!("/tenants/acme/tasks/{task}/personal-data?outputs=true");
    let erased = gateway.operator().delete(&path).await.body;

    assert_eq!(erased["outputs_removed"], 1, "{erased}");
    let link = tenant.http().get(output.as_str().unwrap());
    assert_eq!(link.send().await.unwrap().status(), 404);
    gateway.stop().await;
}

#[tokio::test]
async fn nothing_is_left_in_the_database_of_what_a_deleted_task_was_about() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = completed(&tenant).await;
    let path = gateway.server.folder().path.join("fluxgate.db");

    assert_eq!(deleted_count(&tenant, &[&task]).await, 1);
    gateway.server.stop().await;

    let bytes = std::fs::read(&path).unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert!(
        text.contains(&task),
        "the database is not read as it should be"
    );
    for gone in [SECRET, "private-42"] {
        assert!(!text.contains(gone), "{gone} is left in the database");
    }
    gateway.emulator.stop().await;
}

#[tokio::test]
async fn of_many_ids_those_are_counted_that_this_request_deleted() {
    let gateway = one_at_a_time(Duration::from_secs(3)).await;
    let tenant = gateway.tenant("acme", "1").await;
    let stranger = gateway.tenant("other", "1").await;
    let inputs = tenant.inputs().await;
    let sent = tenant.submit(&inputs).await;
    let waiting = tenant.submit(&inputs).await;
    let cancelled = tenant.submit(&inputs).await;
    cancel(&tenant, &cancelled).await;
    let foreign = stranger.submit(&inputs).await;
    let unknown = "0".repeat(32);
    let ids = [
        &*sent, &waiting, &waiting, &cancelled, &foreign, &unknown, "../x", "",
    ];

    let first = deleted_count(&tenant, &ids).await;
    let second = deleted_count(&tenant, &ids).await;

    assert_eq!((first, second), (json!(2), json!(0)));
    assert_eq!(
        tenant.get(&format!("/v1/tasks/{waiting}")).await.status,
        404
    );
    assert_eq!(stranger.result(&foreign).await["status"], "created");
    assert!(
        (tenant.balance_usd().await - 0.92).abs() < 1e-9,
        "one is held"
    );
    let refused = tenant.delete(&format!("/v1/tasks/{sent}")).await;
    assert_eq!(refusal(&refused), (409, "task_sent".to_owned()));
    let theirs = tenant.delete(&format!("/api/v3/predictions/{sent}")).await;
    assert_eq!(theirs.status, 409, "{:?}", theirs.body);
    let foreign = tenant
        .delete(&format!("/api/v3/predictions/{foreign}"))
        .await;
    assert_eq!(foreign.status, 404);
    assert_eq!(tenant.ended(&sent).await["status"], "completed");
    let theirs = tenant.delete(&format!("/api/v3/predictions/{sent}")).await;
    assert_eq!(theirs.body["data"], json!({ "deleted_count": 1 }));
    gateway.stop().await;
}

#[tokio::test]
async fn ids_that_are_no_list_or_too_many_are_400() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let too_many: Vec<String> = (0..101).map(|n| format!("{n:032x}")).collect();

    for body in [json!({}), json!({ "ids": "x" }), json!({ "ids": too_many })] {
        let answer = tenant.post("/api/v3/predictions/delete", &body).await;
        assert_eq!(answer.status, 400, "{:?}", answer.body);
        assert!(answer.text("/message").contains("ids"), "{:?}", answer.body);
    }
    gateway.stop().await;
}

#[tokio::test]
async fn the_key_of_a_deleted_task_runs_nothing_again() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let task = tenant.submit_with_key(&inputs, "k").await.text("/data/id");
    tenant.ended(&task).await;
    assert_eq!(deleted_count(&tenant, &[&task]).await, 1);

    let again = tenant.submit_with_key(&inputs, "k").await;
    let other = tenant.submit_with_key(&json!({ "prompt": "x" }), "k").await;

    let code = again.text("/error_code");
    assert_eq!((again.status.as_u16(), &*code), (410, "task_deleted"));
    assert_eq!(other.status, 422);
    assert_eq!(gateway.emulator.runs().len(), 1);
    gateway.stop().await;
}

/// The deliveries of a task, by the events' target.
async fn states(tenant: &TestTenant, task: &str) -> Vec<String> {
    let list = tenant.get(&format!("/v1/deliveries?task={task}")).await;
    let list = list.body["deliveries"].as_array().cloned().unwrap();
    let state = |one: &Value| one["state"].as_str().unwrap().to_owned();
    list.iter().map(state).collect()
}

#[tokio::test]
async fn what_was_not_sent_of_a_deleted_task_is_cancelled_and_what_was_sent_says_no_more() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (works, fails) = (LiveReceiver::start().await, LiveReceiver::start().await);
    fails.answer_always(Reply::of(500));
    tenant.endpoint(&works.url("events")).await;
    tenant.endpoint(&fails.url("events")).await;
    let held = json!({ "url": works.url("held"), "enabled": false });
    tenant.created_endpoint(&held).await;
    let task = completed(&tenant).await;
    works.about(&task, 1).await;
    fails.about(&task, 1).await;

    assert_eq!(deleted_count(&tenant, &[&task]).await, 1);

    let states = eventually("the end of all deliveries", || async {
        let mut states = states(&tenant, &task).await;
        states.sort();
        let over = !states
            .iter()
            .any(|state| state == "pending" || state == "held");
        (states.len() == 3 && over).then_some(states)
    })
    .await;
    assert_eq!(states, ["cancelled", "cancelled", "delivered"]);
    let list = tenant
        .get(&format!("/v1/deliveries?task={task}"))
        .await
        .body;
    for delivery in list["deliveries"].as_array().unwrap() {
        let path = format!("/v1/deliveries/{}", delivery["id"].as_str().unwrap());
        let shown = tenant.get(&path).await;
        assert_eq!((shown.status.as_u16(), shown.body.get("body")), (200, None));
        let replayed = tenant.post(&format!("{path}/replay"), &json!({})).await;
        assert_eq!(refusal(&replayed), (409, "task_deleted".to_owned()));
    }
    gateway.stop().await;
}

#[tokio::test]
async fn an_inbox_tells_nothing_of_a_deleted_task() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inbox = tenant.created_endpoint(&json!({ "kind": "pull" })).await;
    let path = format!("/v1/events?endpoint={}", inbox.text("/id"));
    let (gone, stays) = (completed(&tenant).await, completed(&tenant).await);
    let tasks = async || {
        let events = tenant.get(&path).await.body["events"].clone();
        let events = events.as_array().cloned().unwrap_or_default();
        let task = |event: &Value| event["task_id"].as_str().unwrap().to_owned();
        events.iter().map(task).collect::<Vec<_>>()
    };
    eventually("both events", || async {
        (tasks().await.len() == 2).then_some(())
    })
    .await;

    assert_eq!(deleted_count(&tenant, &[&gone]).await, 1);

    assert_eq!(tasks().await, [stays]);
    gateway.stop().await;
}
