//! What the operator sees of all tenants' tasks, and does about one.

mod commands;
mod dead_letters;
mod finding;

use std::time::Duration;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{patient, quick};
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{
    Gateway, GatewayOptions, HiddenBucket, LiveReceiver, TestOperator, TestTenant, eventually,
};
use serde_json::{Value, json};

/// Longer than what is done to a task that runs, under load too.
const A_WHILE: Duration = Duration::from_secs(5);
const FOREVER: Duration = Duration::from_secs(600);

async fn gateway(run_time: Duration, concurrency: Option<u32>) -> Gateway {
    Gateway::with(GatewayOptions {
        run_time,
        concurrency,
        bounds: patient(),
        ..GatewayOptions::default()
    })
    .await
}

fn path(tenant: &TestTenant, task: &str) -> String {
    format!("/tenants/{}/tasks/{task}", tenant.id)
}

async fn act(operator: &TestOperator, tenant: &TestTenant, task: &str, by: &str) -> Answer {
    let path = format!("{}/{by}", path(tenant, task));
    operator.post(&path, &json!({})).await
}

async fn fail(operator: &TestOperator, tenant: &TestTenant, task: &str) -> Answer {
    let reason = json!({ "reason": "the provider lost it" });
    operator
        .post(&format!("{}/fail", path(tenant, task)), &reason)
        .await
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.text("/code"))
}

/// What the audit log tells of tasks, newest first: what was done, before and after.
async fn told_of_tasks(operator: &TestOperator) -> Vec<(String, Value, Value)> {
    let page = operator.get("/audit").await;
    let entries = page.body["entries"].as_array().unwrap().iter();
    let entries = entries.filter(|entry| entry["action"] == "task.changed");
    entries
        .map(|entry| {
            let by = entry["detail"]["by"].as_str().unwrap().to_owned();
            (by, entry["before"].clone(), entry["after"].clone())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_failed_releases_its_hold_and_its_run_is_an_orphan() {
    let gateway = gateway(A_WHILE, None).await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let seen = operator.get(&path(&tenant, &task)).await;
    let failed = fail(&operator, &tenant, &task).await;
    let again = fail(&operator, &tenant, &task).await;

    assert_eq!(
        (seen.status.as_u16(), seen.text("/state")),
        (200, "submitted".into())
    );
    assert_eq!(seen.body["money"]["held_usd"], 0.08);
    let run = seen.text("/run");
    assert!(
        gateway.emulator.runs().iter().any(|it| it.id == run),
        "{run}"
    );
    assert_eq!(failed.status, 200, "{:?}", failed.body);
    assert_eq!(
        (failed.text("/state"), failed.text("/error/code")),
        ("failed".to_owned(), "failed_by_operator".to_owned())
    );
    assert_eq!(refusal(&again), (409, "task_ended".to_owned()));
    assert_eq!(tenant.balance_usd().await, 1.0);
    let told = receiver.about(&task, 1).await.remove(0).json();
    assert_eq!(told["type"], "task.failed");
    let error = tenant.result(&task).await["error"].to_string();
    assert!(error.contains("the provider lost it"), "{error}");
    let orphaned = eventually("the run to be an orphan", || async {
        let seen = operator.get(&path(&tenant, &task)).await.body;
        let steps = seen["steps"].as_array().unwrap().clone();
        steps.into_iter().find(|step| step["name"] == "orphaned")
    })
    .await;
    assert_eq!(orphaned["detail"], format!("provider run {run}"));
    assert_eq!(tenant.balance_usd().await, 1.0);
    let (before, after) = (
        json!({ "state": "submitted" }),
        json!({ "state": "failed" }),
    );
    assert_eq!(
        told_of_tasks(&operator).await,
        [("fail".to_owned(), before, after)]
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_is_cancelled_and_the_fair_queue_says_who_waits() {
    let gateway = gateway(FOREVER, Some(1)).await;
    let operator = gateway.operator();
    let (acme, bolt) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("bolt", "1").await,
    );
    let inputs = acme.inputs().await;
    let sent = acme.submit(&inputs).await;
    let first = bolt.submit(&inputs).await;
    let second = bolt.submit(&inputs).await;

    let queue = operator.get("/fair-queue").await.body;
    let cancelled = act(&operator, &bolt, &second, "cancel").await;
    let refused = act(&operator, &acme, &sent, "cancel").await;

    assert_eq!(
        (
            &queue["limited"],
            &queue["concurrency"],
            &queue["slots_taken"]
        ),
        (&json!(true), &json!(1), &json!(1)),
        "{queue}"
    );
    let waiting = &queue["waiting"];
    assert_eq!(waiting.as_array().unwrap().len(), 1, "{queue}");
    assert_eq!(
        (&waiting[0]["tenant"], &waiting[0]["tasks"]),
        (&json!("bolt"), &json!(2))
    );
    assert_eq!(waiting[0]["longest_task"], json!(first));
    assert_eq!(
        (cancelled.status.as_u16(), cancelled.text("/state")),
        (200, "cancelled".into())
    );
    assert_eq!(refusal(&refused), (409, "task_sent".to_owned()));
    let after = operator.get("/fair-queue").await.body;
    assert_eq!(after["waiting"][0]["tasks"], 1, "{after}");
    let (before, after) = (
        json!({ "state": "admitted" }),
        json!({ "state": "cancelled" }),
    );
    assert_eq!(
        told_of_tasks(&operator).await,
        [("cancel".to_owned(), before, after)]
    );
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_limits_nobody_waits_and_the_provider_s_account_is_shown() {
    let gateway = gateway(FOREVER, None).await;

    let queue = gateway.operator().get("/fair-queue").await.body;
    let provider = gateway.operator().get("/provider").await.body;

    assert_eq!(
        (&queue["limited"], &queue["waiting"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(
        (&provider["account"], &provider["limits"]),
        (&json!("good"), &json!({}))
    );
    assert!(provider["balance_micro_usd"].is_i64(), "{provider}");
    assert!(
        provider["catalogue"]["models"].as_u64().unwrap() > 0,
        "{provider}"
    );
    assert_eq!(provider["errors"], json!([]));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn outputs_are_archived_and_events_delivered_again_for_the_operator() {
    let gateway = Gateway::with(GatewayOptions {
        bounds: BoundsSettings {
            archive_max_ms: Some(1_000),
            ..quick()
        },
        ..GatewayOptions::default()
    })
    .await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let bucket = HiddenBucket::of(&gateway, &tenant);
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["archived"], false);
    receiver.about(&task, 1).await;
    bucket.bring_back();

    let archived = act(&operator, &tenant, &task, "archive").await;
    eventually("the copy", || async {
        (tenant.result(&task).await["archived"] == true).then_some(())
    })
    .await;
    let nothing = act(&operator, &tenant, &task, "archive").await;
    let delivered = eventually("the delivery", || async {
        let delivered = act(&operator, &tenant, &task, "deliver").await;
        (delivered.body["deliveries"][0]["state"] == "pending").then_some(delivered)
    })
    .await;

    assert_eq!(archived.status, 202, "{:?}", archived.body);
    assert_eq!(refusal(&nothing), (409, "nothing_to_archive".to_owned()));
    assert_eq!(delivered.status, 202, "{:?}", delivered.body);
    let events = receiver.about(&task, 2).await;
    assert_eq!(
        events[0].header("webhook-id"),
        events[1].header("webhook-id")
    );
    let seen = operator.get(&path(&tenant, &task)).await.body;
    assert!(
        seen["s3_uris"][0]
            .as_str()
            .unwrap()
            .starts_with("s3://fluxgate-acme/")
    );
    assert_eq!(seen["money"]["charged_usd"], 0.08);
    assert!(!seen.to_string().contains("X-Amz-Signature"), "{seen}");
    gateway.stop().await;
}

#[tokio::test]
async fn what_cannot_be_done_about_a_task_is_refused_and_says_why() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let nobody = "0".repeat(32);
    let fail = format!("{}/fail", path(&tenant, &task));

    let unheard = act(&operator, &tenant, &task, "deliver").await;
    let unknown = act(&operator, &tenant, &nobody, "cancel").await;
    let unsaid = operator.post(&fail, &json!({ "reason": " \n" })).await;
    let misspelt = operator.post(&fail, &json!({ "why": "x" })).await;

    assert_eq!(refusal(&unheard), (409, "nothing_to_deliver".to_owned()));
    assert_eq!(refusal(&unknown), (404, "not_found".to_owned()));
    assert_eq!(refusal(&unsaid), (400, "invalid_reason".to_owned()));
    assert_eq!(refusal(&misspelt), (400, "invalid_json".to_owned()));
    assert_eq!(tenant.result(&task).await["status"], "completed");
    gateway.stop().await;
}
