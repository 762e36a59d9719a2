//! An edit on AWS when functions are killed, messages come twice or cannot be read, and a secret is
//! missing.

use fluxgate_emulator::Faults;
use fluxgate_tests::lambda::EventSource;
use fluxgate_tests::{LiveReceiver, Stack, eventually};
use serde_json::json;

use super::{by_hand, faulty, messages, objects};

#[tokio::test]
async fn an_archiver_killed_while_it_copies_is_made_good_by_the_next_one() {
    // The copy takes its time, so that the kill comes in the middle of it.
    let stack = Stack::with(faulty(Faults {
        slow_output_bytes_per_second: 20_000,
        ..Faults::default()
    }))
    .await;
    let tenant = stack.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;
    eventually("the copy", || async {
        (stack.emulator.request_count("output") > 0).then_some(())
    })
    .await;
    stack.function("archiver").kill();
    stack.emulator.set_faults(Faults::default());

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(objects(&tenant, &task).await.len(), 1);
    assert!(
        stack.function("archiver").invocations() >= 2,
        "the killed invocation was the only one"
    );
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn a_gateway_killed_during_its_submit_leaves_a_task_that_is_paid_once_and_completes() {
    let stack = Stack::with(faulty(Faults {
        hang_after_accept_ms: 60_000,
        ..Faults::default()
    }))
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let request = tenant
        .http()
        .post(tenant.url(&format!("/api/v3/{}", fluxgate_tests::tenant::MODEL)));
    let submitted = tokio::spawn(request.bearer_auth(&tenant.token).json(&inputs).send());
    eventually("the run", || async {
        (!stack.emulator.runs().is_empty()).then_some(())
    })
    .await;
    stack.function("gateway").kill();
    stack.emulator.set_faults(Faults::default());

    assert_eq!(submitted.await.unwrap().unwrap().status(), 502);
    let task = eventually("the task", || async {
        let page = tenant
            .post("/api/v3/predictions", &json!({ "page": 1, "page_size": 1 }))
            .await;
        let id = page.text("/data/items/0/id");
        (!id.is_empty()).then_some(id)
    })
    .await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(stack.emulator.runs().len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn a_message_that_comes_twice_copies_captures_and_tells_once() {
    let stack = Stack::with(by_hand()).await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let copy = messages(&stack, "archive", 1).await;

    let archiver = stack.function("archiver");
    for batch in [[&copy[0], &copy[0]].map(Clone::clone).as_slice(), &copy] {
        assert_eq!(
            EventSource::invoke_once(archiver, batch).await,
            Ok(Vec::new())
        );
    }
    let tell = messages(&stack, "notify", 1).await;
    for _ in 0..2 {
        assert_eq!(
            EventSource::invoke_once(stack.function("notifier"), &tell).await,
            Ok(Vec::new())
        );
    }

    assert_eq!(tenant.result(&task).await["status"], "completed");
    assert_eq!(objects(&tenant, &task).await.len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(
        tell.len(),
        1,
        "a second capture would have told a second time"
    );
    assert_eq!(receiver.about(&task, 1).await.len(), 1);
}

#[tokio::test]
async fn of_a_batch_with_one_unreadable_message_nine_succeed_and_it_becomes_a_dead_letter() {
    let stack = Stack::with(by_hand()).await;
    let tenant = stack.tenant("acme", "10").await;
    let inputs = tenant.inputs().await;
    let mut tasks = Vec::new();
    for _ in 0..9 {
        tasks.push(tenant.submit(&inputs).await);
    }
    let sqs = stack.ministack.aws().sqs();
    sqs.send_message()
        .queue_url(stack.queue_url("archive"))
        .message_body("{not a job")
        .send()
        .await
        .unwrap();
    let batch = messages(&stack, "archive", 10).await;

    let failed = EventSource::invoke_once(stack.function("archiver"), &batch).await;

    assert_eq!(failed, Ok(Vec::new()));
    for task in &tasks {
        assert_eq!(tenant.result(task).await["status"], "completed");
    }
    let dead = messages(&stack, "archive-dead-letters", 1).await;
    assert_eq!(dead[0].body(), Some("{not a job"));
    let reason = dead[0]
        .message_attributes()
        .and_then(|attributes| attributes.get("reason"));
    assert!(
        reason
            .and_then(|reason| reason.string_value())
            .is_some_and(|reason| !reason.is_empty())
    );
}

#[tokio::test]
async fn a_secret_that_is_missing_keeps_a_submit_waiting_until_it_is_there() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;

    let secrets = stack.ministack.aws().secretsmanager();
    let delete = secrets
        .delete_secret()
        .secret_id("fluxgate/upstream-key")
        .force_delete_without_recovery(true);
    delete.send().await.unwrap();
    stack.function("gateway").kill();
    let waiting = tenant
        .post(
            &format!("/api/v3/{}", fluxgate_tests::tenant::MODEL),
            &inputs,
        )
        .await;
    secrets
        .create_secret()
        .name("fluxgate/upstream-key")
        .secret_string(stack.emulator.api_key())
        .send()
        .await
        .unwrap();

    // The catalogue is shared in the table, so only the POST itself waits for the key.
    assert_eq!(waiting.status, 200, "{:?}", waiting.body);
    assert!(!waiting.body.to_string().contains(stack.emulator.api_key()));
    let waiting = waiting.text("/data/id");
    assert_eq!(tenant.ended(&waiting).await["status"], "completed");
}
