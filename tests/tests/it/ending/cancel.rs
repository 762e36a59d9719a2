//! A task that waits can be cancelled; what was sent to the provider cannot.

use std::time::Duration;

use fluxgate_tests::{Gateway, LiveReceiver};
use serde_json::json;

use super::{cancel, one_at_a_time, refusal};

const LONG: Duration = Duration::from_secs(2);

#[tokio::test]
async fn a_task_that_waits_is_cancelled_with_its_hold_and_its_place_and_is_never_sent() {
    let gateway = one_at_a_time(LONG).await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let inputs = tenant.inputs().await;
    let first = tenant.submit(&inputs).await;
    let waiting = tenant.submit(&inputs).await;
    let behind = tenant.submit(&inputs).await;

    let cancelled = cancel(&tenant, &waiting).await;
    let left = tenant.balance_usd().await;
    let again = cancel(&tenant, &waiting).await;

    assert_eq!(cancelled.status, 200, "{:?}", cancelled.body);
    assert_eq!(cancelled.body["state"], "cancelled");
    assert_eq!(
        (again.status, &again.body),
        (cancelled.status, &cancelled.body)
    );
    assert!((left - (1.0 - 2.0 * 0.08)).abs() < 1e-9, "{left} is left");
    assert_eq!(tenant.result(&waiting).await["status"], "cancelled");
    let told = receiver.about(&waiting, 1).await.remove(0);
    assert_eq!(told.json()["type"], "task.cancelled");
    for task in [&first, &behind] {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    assert_eq!(gateway.emulator.runs().len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn what_was_sent_or_is_over_is_not_cancelled_and_the_answer_says_why() {
    let gateway = one_at_a_time(LONG).await;
    let tenant = gateway.tenant("acme", "1").await;
    let stranger = gateway.tenant("other", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let sent = cancel(&tenant, &task).await;
    let foreign = cancel(&stranger, &task).await;
    tenant.ended(&task).await;
    let ended = cancel(&tenant, &task).await;

    assert_eq!(refusal(&sent), (409, "task_sent".to_owned()));
    let text = sent.text("/detail");
    assert!(
        text.contains("cannot stop it") && text.contains("charged"),
        "{text}"
    );
    assert_eq!(foreign.status, 404);
    assert_eq!(cancel(&tenant, "none").await.status, 404);
    assert_eq!(refusal(&ended), (409, "task_ended".to_owned()));
    assert_eq!(tenant.result(&task).await["status"], "completed");
    gateway.stop().await;
}

/// Each is cancelled at the moment when it may be sent: it is one or the other.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_is_either_cancelled_or_sent_and_the_answer_is_true() {
    let gateway = one_at_a_time(Duration::from_millis(20)).await;
    let tenant = gateway.tenant("acme", "5").await;
    let inputs = tenant.inputs().await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        tasks.push(tenant.submit(&inputs).await);
    }

    let mut answers = Vec::new();
    for (n, task) in tasks.iter().enumerate() {
        // Between two cancellations others are sent.
        gateway.runs(n / 4 + 1).await;
        let (tenant, task) = (tenant.clone(), task.clone());
        answers.push(tokio::spawn(async move { cancel(&tenant, &task).await }));
    }

    let mut made = 0;
    for (task, answer) in tasks.iter().zip(answers) {
        let answer = answer.await.unwrap();
        let status = tenant.ended(task).await["status"].clone();
        let expected = match answer.status.as_u16() {
            200 => json!("cancelled"),
            409 => json!("completed"),
            other => panic!("{other}: {:?}", answer.body),
        };
        assert_eq!(status, expected, "{:?}", answer.body);
        made += usize::from(status == "completed");
    }
    assert_eq!(gateway.emulator.runs().len(), made);
    let spent = 5.0 - tenant.balance_usd().await;
    assert!(
        (spent - made as f64 * 0.08).abs() < 1e-9,
        "${spent} for {made}"
    );
    assert!(made < tasks.len(), "none was cancelled");
    no_slot_is_lost(&gateway).await;
    gateway.stop().await;
}

/// Whoever comes next is sent at once.
async fn no_slot_is_lost(gateway: &Gateway) {
    let tenant = gateway.tenant("next", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
}
