//! On AWS a watch is sent before its task is written, and dies when it finds none: it must not die
//! of a task that is late.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_aws::dynamodb::{EndedTasksInTable, Table};
use fluxgate_aws::sqs::EndedTasks as _;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::{Admitted, Queue as _};
use fluxgate_core::task::{Admission, Job, Lane};
use fluxgate_core::time::Timestamp;
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::open_tasks::SAVED_AFTER;
use fluxgate_tests::contract::{PRICE, admission, archived, now};
use fluxgate_tests::faulty_aws::Fault;
use fluxgate_tests::roles::Roles;
use fluxgate_tests::{HeldClock, eventually};

use super::batch::roles;
use super::dynamodb::Bed;

#[tokio::test]
async fn a_task_that_a_late_read_does_not_know_yet_is_not_over() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let admission = admission(&tenant);
    let id = admission.task.id.clone();
    let over = EndedTasksInTable::new(Table::new(bed.faulty.aws.dynamodb(), TABLE));
    assert!(
        over.is_over(&tenant, &id).await.unwrap(),
        "there is no such task"
    );
    bed.stores.admit(admission).await.unwrap();

    bed.faulty.next("GetItem", [Fault::Late]);

    assert!(!over.is_over(&tenant, &id).await.unwrap());
    assert_eq!(bed.faulty.left(), 0);
}

#[tokio::test]
async fn an_admission_that_took_longer_than_its_watch_waits_sends_it_anew() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(2).await;
    let watches = || async {
        let jobs = bed
            .direct
            .queue
            .receive(Lane::Watch, 10, 60_000)
            .await
            .unwrap();
        jobs.iter()
            .filter(|lease| matches!(lease.job, Job::Watch { .. }))
            .count()
    };
    let soon = || Admission {
        watch_after_ms: 0,
        ..admission(&tenant)
    };
    bed.stores.admit(soon()).await.unwrap();
    assert_eq!(watches().await, 1);

    bed.faulty.next("TransactWriteItems", [Fault::Held]);
    let (stores, slow) = (bed.by_faulty.clone(), soon());
    let admitting = tokio::spawn(async move { stores.tasks.admit(slow).await });
    eventually("the transaction", || async {
        (bed.faulty.holding() > 0).then_some(())
    })
    .await;
    assert_eq!(watches().await, 1);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    bed.faulty.let_go();

    assert!(matches!(
        admitting.await.unwrap().unwrap(),
        Admitted::New(_)
    ));
    assert_eq!(watches().await, 1);
}

#[tokio::test]
async fn an_audit_that_runs_out_of_time_says_so_and_nothing_else() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    bed.stores.admitted(&tenant).await;
    let sweeper = roles(&bed.stores, &bed.ministack, bed.direct.queues.clone())
        .0
        .sweeper();

    let unfinished = sweeper.sweep(&tenant, now()).await.unwrap_err();
    let finished = sweeper.sweep(&tenant, now().plus_ms(60_000)).await.unwrap();

    assert_eq!((unfinished.code, finished.live), ("sweep_unfinished", 1));
}

/// A task that cannot be read fails whoever reads it.
#[tokio::test]
async fn a_sweep_reads_no_task_again_that_was_over_at_the_one_before() {
    let bed = Bed::start().await;
    let clock = HeldClock::now();
    let mut roles = Roles::over(&bed.stores);
    roles.context.clock = Arc::new(clock.clone());
    let sweeper = roles.sweeper();
    let tenant = bed.stores.funded(SAVED_AFTER as i64 + 1).await;
    for _ in 1..SAVED_AFTER {
        let task = bed.stores.archiving(&tenant).await;
        bed.stores.signal(&task, archived()).await;
    }
    let task = bed.stores.archiving(&tenant).await;
    let ended = bed.stores.signal(&task, archived()).await;
    let live = bed.stores.admitted(&tenant).await;
    clock.pass_ms(3_600_000);
    let until = Timestamp(i64::MAX);

    let first = sweeper.sweep(&tenant, until).await.unwrap();
    let text = |text: String| AttributeValue::S(text);
    let (pk, sk) = (
        text(format!("T#{tenant}")),
        text(format!("TASK#{}", ended.id)),
    );
    bed.put_raw([("pk", pk), ("sk", sk)]).await;
    let second = sweeper.sweep(&tenant, until).await.unwrap();

    assert!(bed.stores.tasks.get(&tenant, &ended.id).await.is_err());
    assert_eq!((first.live, second.live), (1, 1));
    let set = bed.stores.store.open_tasks().open_set(&tenant).await;
    assert_eq!(set.unwrap().tasks, [live.id].into());
}

/// The account is read first, and by a read that may be late: here it does not know the hold yet.
#[tokio::test]
async fn a_sweep_whose_first_read_is_late_misses_no_money() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    bed.stores.admitted(&tenant).await;
    let sweeper = Roles::over(&bed.by_faulty).sweeper();
    let until = Timestamp(i64::MAX);

    bed.faulty.next("GetItem", [Fault::Late]);
    let late = sweeper.sweep(&tenant, until).await.unwrap();
    let next = sweeper.sweep(&tenant, until).await.unwrap();

    assert_eq!(bed.faulty.left(), 0);
    assert_eq!(late.held_without_task, MicroUsd::ZERO);
    assert_eq!((next.live, next.held), (1, PRICE));
}
