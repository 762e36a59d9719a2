//! `TaskStore`: what is left of a task that its tenant deleted.

use fluxgate_core::id::DeliveryId;
use fluxgate_core::port::errors::task_changed;
use fluxgate_core::task::{Admission, Signal, Step, Task, transition};
use fluxgate_core::webhook::{Attempt, DeliverySignal, ErrorClass, EventType, Next, Target};

use super::delivery_store::moved;
use super::{PRICE, Stores, admission, archived, finished, fresh_run, now};

const SECRET: &str = "a private prompt";

/// An admission whose inputs have this many bytes, and everything that a tenant can attach.
fn talkative(tenant: &fluxgate_core::id::TenantId, bytes: usize) -> Admission {
    let new = admission(tenant);
    let labels = [("order".to_owned(), "42".to_owned())].into();
    Admission {
        task: Task {
            callback: Some("https://shop.example/done".into()),
            metadata: fluxgate_core::labels::Labels::new(labels).expect("valid labels"),
            ..new.task.clone()
        },
        inputs: format!("{{\"prompt\":\"{SECRET}{}\"}}", "x".repeat(bytes)).into(),
        ..new
    }
}

/// Small inputs lie elsewhere than larger and the largest ones.
pub async fn a_deleted_task_keeps_its_books_and_loses_its_inputs_and_details(stores: Stores) {
    let tenant = stores.funded(3).await;
    for bytes in [1, 5_000, 100_000] {
        let task = stores.admit(talkative(&tenant, bytes)).await.unwrap();
        let task = stores.signal(&task, finished(fresh_run())).await;
        let noted = Step::new(now(), "copy_failed").detail(SECRET);
        let orphaned = Step::new(now(), "orphaned").detail("provider run r1");
        for step in [&noted, &orphaned] {
            stores.tasks.note(&tenant, &task.id, step).await.unwrap();
        }
        let task = stores.signal(&task, archived()).await;
        let ledger = stores.accounts.ledger(&tenant).await.unwrap();

        let deleted = stores.signal(&task, Signal::Delete).await;

        assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), deleted);
        assert_eq!((deleted.charged, deleted.since), (PRICE, task.since));
        assert_eq!(stores.tasks.inputs(&tenant, &task.id).await.unwrap(), "{}");
        assert_eq!(stores.accounts.ledger(&tenant).await.unwrap(), ledger);
        let timeline = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
        let details = timeline.iter().filter_map(|step| step.detail.as_deref());
        assert_eq!(details.collect::<Vec<_>>(), ["provider run r1"]);
        assert_eq!(timeline.last().unwrap().name, "deleted");
    }
}

/// What is noted while a task is deleted is not lost: either the deletion or the note comes first.
pub async fn a_deletion_over_a_timeline_that_grew_or_a_version_that_moved_loses_nothing(
    stores: Stores,
) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let task = stores.signal(&task, archived()).await;
    let deletion = transition(&task, Signal::Delete, now()).unwrap();

    stores.tasks.apply(&deletion).await.unwrap();
    let again = stores.tasks.apply(&deletion).await.unwrap_err();
    let note = Step::new(now(), "orphaned").detail("provider run r2");
    stores.tasks.note(&tenant, &task.id, &note).await.unwrap();

    assert_eq!(again.code, task_changed().code);
    let timeline = stores.tasks.timeline(&tenant, &task.id).await.unwrap();
    let names: Vec<&str> = timeline.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names[names.len() - 2..], ["deleted", "orphaned"]);
}

/// Of a deletion by an earlier release, which left them.
pub async fn what_receivers_answered_about_a_deleted_task_can_be_erased(stores: Stores) {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = transition(&task, archived(), now()).unwrap();
    let id = DeliveryId::of(&task.id, 0);
    let target = Target::TaskCallback;
    let delivery = task.delivery(id, EventType::TaskCompleted, target, now());
    change.deliver(delivery.clone());
    stores.tasks.apply(&change).await.unwrap();
    let attempt = Attempt {
        at: now(),
        duration_ms: 3,
        status: Some(410),
        class: ErrorClass::of_status(410),
        error: Some(SECRET.to_owned()),
        body: Some(SECRET.to_owned()),
        location: Some(SECRET.to_owned()),
        retry_after: None,
    };
    let signal = DeliverySignal::Attempted {
        round: delivery.round,
        attempt,
        next: Next::Exhausted,
    };
    let exhausted = moved(&delivery, signal);
    stores.deliveries.update(&exhausted, None).await.unwrap();
    let deleted = stores.signal(&change.task, Signal::Delete).await;

    let there = stores.deliveries.of_task(&deleted).await.unwrap();
    let erased = moved(&there[0], DeliverySignal::Erase);
    stores.deliveries.update(&erased, None).await.unwrap();

    assert_eq!(there, [exhausted]);
    let left = stores.deliveries.of_task(&deleted).await.unwrap();
    assert_eq!(left, [erased]);
    assert_eq!(left[0].attempts[0].status, Some(410));
    assert!(!format!("{left:?}").contains(SECRET));
}
