//! A queue that somebody purged by hand: what was on it is sent again, and nothing runs twice.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::lambda::EventSource;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{LiveReceiver, Stack, StackOptions, TestTenant, eventually};
use serde_json::{Value, json};

use super::{by_hand, objects};

const LANES: [&str; 3] = ["watch", "archive", "notify"];
/// Older than what the first look of a sweep passes over.
const MINUTES: i64 = 20;

async fn purge(stack: &Stack, lane: &str) {
    let sqs = stack.ministack.aws().sqs();
    let purge = sqs.purge_queue().queue_url(stack.queue_url(lane));
    purge.send().await.unwrap();
    assert_eq!(stack.messages(lane).await, 0);
}

/// Has what this attribute tells have happened a while ago.
async fn age(stack: &Stack, item: String, path: &str) {
    let at = SystemClock.now().0 - MINUTES * 60_000;
    let update = stack.ministack.aws().dynamodb().update_item();
    let update = update
        .table_name(stack.table())
        .key("pk", AttributeValue::S("T#acme".to_owned()))
        .key("sk", AttributeValue::S(item))
        .update_expression(format!("SET {path} = :at"))
        .expression_attribute_values(":at", AttributeValue::N(at.to_string()));
    update.send().await.unwrap();
}

async fn sweep(stack: &Stack) -> Value {
    let sweeper = stack.function("sweeper");
    sweeper.invoke(json!({})).await.unwrap()
}

fn sources(stack: &Stack) -> [EventSource; 3] {
    LANES.map(|lane| stack.event_source(lane))
}

/// The end of the one task: run once, paid once, told once.
async fn ended_once(stack: &Stack, tenant: &TestTenant, receiver: &LiveReceiver, task: &str) {
    let ended = tenant.ended(task).await;
    receiver.about(task, 1).await;
    eventually("nothing more to do", || async {
        // A watch may come once more, and find nothing.
        let left = stack.messages("archive").await + stack.messages("notify").await;
        (left == 0).then_some(())
    })
    .await;

    assert_eq!(ended["status"], "completed");
    assert_eq!(stack.emulator.runs().len(), 1);
    assert_eq!(objects(tenant, task).await.len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(receiver.about(task, 1).await.len(), 1);
    super::calls_are_allowed(stack);
}

async fn told(stack: &Stack) -> (TestTenant, LiveReceiver) {
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    (tenant, receiver)
}

#[tokio::test]
async fn a_task_whose_watch_was_purged_is_found_by_the_sweep() {
    let faults = Faults {
        webhook_lost: Fault::Always,
        ..Faults::default()
    };
    let stack = Stack::with(StackOptions {
        emulator: EmulatorConfig {
            faults,
            ..emulator_config()
        },
        ..by_hand()
    })
    .await;
    let (tenant, receiver) = told(&stack).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    purge(&stack, "watch").await;

    let young = sweep(&stack).await;
    let none = stack.messages("watch").await;
    age(&stack, format!("TASK#{task}"), "since").await;
    let old = sweep(&stack).await;

    assert_eq!((none, stack.messages("watch").await), (0, 1));
    // Nobody knows that it is stuck, and so no alarm rings.
    assert_eq!([&young["stuck"], &old["stuck"]], [0, 0]);
    let _sources = sources(&stack);
    ended_once(&stack, &tenant, &receiver, &task).await;
}

#[tokio::test]
async fn a_copy_whose_job_was_purged_is_sent_again_by_the_watch() {
    let stack = Stack::with(by_hand()).await;
    let (tenant, receiver) = told(&stack).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    eventually("the job of the copy", || async {
        (stack.messages("archive").await == 1).then_some(())
    })
    .await;
    purge(&stack, "archive").await;

    let _sources = sources(&stack);

    ended_once(&stack, &tenant, &receiver, &task).await;
}

#[tokio::test]
async fn a_callback_whose_job_was_purged_is_sent_again_by_the_watch() {
    let stack = Stack::with(by_hand()).await;
    let (tenant, receiver) = told(&stack).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let copying = stack.event_source("archive");
    eventually("the job of the callback", || async {
        (stack.messages("notify").await == 1).then_some(())
    })
    .await;
    drop(copying);
    purge(&stack, "notify").await;
    age(&stack, format!("TASK#{task}"), "deliveries[0][4]").await;

    let _sources = sources(&stack);

    ended_once(&stack, &tenant, &receiver, &task).await;
}

#[tokio::test]
async fn a_batch_whose_job_was_purged_is_found_by_the_sweep() {
    let stack = Stack::with(by_hand()).await;
    let tenant = stack.tenant("acme", "0.08").await;
    let line = json!({ "model": MODEL, "input": tenant.inputs().await });
    let create = tenant.http().post(tenant.url("/v1/batches"));
    let created = tenant.send(create.body(line.to_string())).await;
    assert_eq!(created.status, 202, "{:?}", created.body);
    let id = created.text("/id");
    purge(&stack, "watch").await;
    age(&stack, format!("BATCH#{id}"), "created_at").await;

    sweep(&stack).await;
    let _sources = sources(&stack);

    eventually("the batch's end", || async {
        let batch = tenant.get(&format!("/v1/batches/{id}")).await.body;
        (batch["state"] == "completed").then_some(())
    })
    .await;
    assert_eq!(stack.emulator.runs().len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.0);
    super::calls_are_allowed(&stack);
}
