//! DynamoDB under writers that come at the same moment.

use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{AccountStore as _, TaskStore as _};
use fluxgate_core::task::{Change, Signal, Step, Task, Via, transition};
use fluxgate_core::{Kind, Retry};
use fluxgate_tests::contract::{PRICE, admission, archived, finished, fresh_run, now};
use fluxgate_tests::faulty_aws::Fault;

use super::dynamodb::Bed;

fn accepted(task: &Task) -> Change {
    transition(
        task,
        Signal::Accepted {
            run: fresh_run(),
            via: Via::Submit,
        },
        now(),
    )
    .unwrap()
}

/// Two pollers may want to write the same at the same moment, and only one of them may go on to
/// submit.
#[tokio::test]
async fn of_two_equal_changes_one_is_a_conflict() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let change = accepted(&task);

    bed.store().apply(&change).await.unwrap();
    let again = bed.store().apply(&change).await.unwrap_err();

    assert_eq!(
        (again.kind, again.code),
        (Kind::Conflict, "version_conflict")
    );
}

#[tokio::test]
async fn who_loses_to_others_tries_again_but_not_for_ever() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let task = bed.stores.admitted(&tenant).await;

    bed.faulty.next("TransactWriteItems", [Fault::Conflict; 4]);
    bed.by_faulty.admitted(&tenant).await;
    bed.faulty.next("UpdateItem", [Fault::Conflict; 4]);
    bed.by_faulty
        .tasks
        .note(&tenant, &task.id, &Step::new(now(), "orphaned"))
        .await
        .unwrap();
    assert_eq!(bed.faulty.left(), 0);
    bed.faulty
        .next("TransactWriteItems", [Fault::Conflict; 100]);
    let error = bed
        .by_faulty
        .tasks
        .admit(admission(&tenant))
        .await
        .unwrap_err();

    assert_eq!((error.kind, error.code), (Kind::Unavailable, "contention"));
}

#[tokio::test]
async fn a_hundred_admissions_at_once_hold_exactly_what_there_is() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(50).await;
    let attempts = (0..100).map(|_| {
        let (store, admission) = (bed.store().clone(), admission(&tenant));
        tokio::spawn(async move { store.admit(admission).await })
    });

    let mut admitted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => admitted += 1,
            Err(error) => assert_eq!(
                error.kind,
                Kind::InsufficientFunds,
                "{}",
                error.with_causes()
            ),
        }
    }

    let account = bed.store().account(&tenant).await.unwrap();
    assert_eq!(
        (admitted, account.held, account.available),
        (50, MicroUsd(PRICE.0 * 50), MicroUsd::ZERO)
    );
}

#[tokio::test]
async fn notes_that_come_while_a_task_changes_are_kept() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let task = bed.stores.admitted(&tenant).await;
    let notes = (0..20).map(|n| {
        let (store, task) = (bed.store().clone(), task.clone());
        tokio::spawn(async move {
            let step = Step::new(now(), "orphaned").detail(n.to_string());
            store.note(&task.tenant, &task.id, &step).await.unwrap();
        })
    });
    let notes: Vec<_> = notes.collect();

    let archiving = bed.stores.signal(&task, finished(fresh_run())).await;
    bed.stores.signal(&archiving, archived()).await;
    for note in notes {
        note.await.unwrap();
    }

    assert_eq!(
        bed.store().timeline(&tenant, &task.id).await.unwrap().len(),
        2 + 2 + 20
    );
    let nobody = bed
        .store()
        .note(
            &tenant,
            &fluxgate_tests::contract::fresh_task_id(),
            &Step::new(now(), "x"),
        )
        .await;
    assert_eq!(nobody.unwrap_err().kind, Kind::NotFound);
}

#[tokio::test]
async fn a_run_that_is_only_likely_to_be_a_task_s_is_claimed_with_the_change_or_not_at_all() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let (first, second) = (
        bed.stores.admitted(&tenant).await,
        bed.stores.admitted(&tenant).await,
    );
    let run = fresh_run();
    let likely = |task| {
        transition(
            task,
            Signal::Accepted {
                run: run.clone(),
                via: Via::Resolve,
            },
            now(),
        )
        .unwrap()
    };
    bed.store()
        .note(&tenant, &first.id, &Step::new(now(), "x"))
        .await
        .unwrap();
    let outdated = bed
        .stores
        .signal(
            &first,
            Signal::SubmitAmbiguous {
                reason: "x".to_owned(),
                ahead_ms: None,
            },
        )
        .await;

    let void = bed.store().apply(&likely(&first)).await.unwrap_err();
    assert_eq!(void.code, "version_conflict");
    assert!(
        bed.store()
            .claimed(std::slice::from_ref(&run))
            .await
            .unwrap()
            .is_empty()
    );
    bed.store().apply(&likely(&outdated)).await.unwrap();
    let other = bed.store().apply(&likely(&second)).await.unwrap_err();

    assert_eq!(other.code, "run_claimed");
    assert_eq!(
        bed.stores.tasks.get(&tenant, &second.id).await.unwrap(),
        second
    );
}

/// A cap of the table's throughput, or a partition that takes no more.
#[tokio::test]
async fn what_the_table_throttles_is_tried_again_and_then_said_to_be_unavailable() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;

    bed.faulty.next("TransactWriteItems", [Fault::Throttled; 2]);
    let task = bed.by_faulty.admitted(&tenant).await;
    let written = bed.faulty.left();
    bed.faulty.next("GetItem", [Fault::Throttled; 100]);
    let read = bed.by_faulty.tasks.get(&tenant, &task.id).await;

    assert_eq!(written, 0);
    let error = read.unwrap_err();
    assert_eq!((error.kind, error.retry), (Kind::Unavailable, Retry::Later));
}
