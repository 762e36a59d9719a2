//! On AWS a watch is sent before its task is written, and dies when it finds none: it must not die
//! of a task that is late.

use std::time::Duration;

use fluxgate_aws::dynamodb::{EndedTasksInTable, Table};
use fluxgate_aws::sqs::EndedTasks as _;
use fluxgate_core::port::{Admitted, Queue as _};
use fluxgate_core::task::{Admission, Job, Lane};
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::{admission, now};
use fluxgate_tests::eventually;
use fluxgate_tests::faulty_aws::Fault;

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
