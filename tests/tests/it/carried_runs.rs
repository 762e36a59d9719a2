//! A run that the webhook ends is not written before its outputs are copied: the job carries it.
//! What becomes of the task when such a job is lost, comes twice or comes late.

use fluxgate_core::app::Worker as _;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::Lease;
use fluxgate_core::task::{Delayed, Failure, Finished, Job, Lane, Signal, State, Task, Via};
use fluxgate_tests::contract::{PRICE, Stores, finished, fresh_run};
use fluxgate_tests::eventually;
use fluxgate_tests::roles::Roles;

use super::dynamodb::Bed;

/// Sends these jobs, and receives them.
pub(super) async fn leases(stores: &Stores, jobs: Vec<Job>) -> Vec<Lease> {
    let (count, jobs) = (jobs.len(), jobs.into_iter());
    let jobs: Vec<Delayed> = jobs.map(|job| Delayed { job, after_ms: 0 }).collect();
    stores.queue.send(&jobs).await.unwrap();
    let found = std::sync::Mutex::new(Vec::new());
    eventually("the jobs", async || {
        let more = received(stores).await;
        let mut found = found.lock().unwrap();
        found.extend(more);
        (found.len() == count).then_some(())
    })
    .await;
    found.into_inner().unwrap()
}

async fn received(stores: &Stores) -> Vec<Lease> {
    stores
        .queue
        .receive(Lane::Archive, 10, 60_000)
        .await
        .unwrap()
}

/// A task that the provider works on.
async fn submitted(stores: &Stores, tenant: &TenantId) -> (Task, Finished) {
    let (task, run) = (stores.admitted(tenant).await, fresh_run());
    let accepted = Signal::Accepted {
        run: run.clone(),
        via: Via::Submit,
    };
    let task = stores.signal(&task, accepted).await;
    let Signal::Finished(finished) = finished(run) else {
        panic!("a run has finished");
    };
    (task, finished)
}

async fn told(stores: &Stores, task: &Task, finished: &Finished) {
    let signal = Signal::Finished(finished.clone());
    let receiver = Roles::over(stores).receiver();
    let told = receiver.apply_signal(&task.tenant, &task.id, signal);
    told.await.unwrap();
}

async fn state(stores: &Stores, task: &Task) -> State {
    let task = stores.tasks.get(&task.tenant, &task.id).await;
    task.unwrap().state
}

#[tokio::test]
async fn a_webhook_of_a_task_s_own_run_sends_a_job_and_writes_nothing() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let (task, run) = submitted(&bed.stores, &tenant).await;
    let before = bed.faulty.write_units();

    told(&bed.by_faulty, &task, &run).await;
    told(&bed.by_faulty, &task, &run).await;

    assert_eq!(bed.faulty.write_units(), before);
    let stored = bed.stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(stored, task);
    let jobs = received(&bed.stores).await;
    assert_eq!(jobs.len(), 2);
    for lease in &jobs {
        let Job::ArchiveRun { ended, .. } = &lease.job else {
            panic!("{lease:?}");
        };
        assert_eq!(ended.finished, run);
    }
}

/// Its files inside the answer, a run that nobody has named yet, and another's run.
#[tokio::test]
async fn what_does_not_fit_a_job_is_written() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(3).await;
    let (large, run) = submitted(&bed.stores, &tenant).await;
    let inside = Finished {
        sources: vec![format!("data:image/png;base64,{}", "A".repeat(70_000))],
        ..run
    };
    let unnamed = bed.stores.admitted(&tenant).await;
    let (other, run) = submitted(&bed.stores, &tenant).await;
    let foreign = Finished {
        run: fresh_run(),
        ..run.clone()
    };

    told(&bed.stores, &large, &inside).await;
    let its_own = Finished {
        run: fresh_run(),
        ..run.clone()
    };
    told(&bed.stores, &unnamed, &its_own).await;
    told(&bed.stores, &other, &foreign).await;

    assert_eq!(state(&bed.stores, &large).await, State::Archiving);
    assert_eq!(state(&bed.stores, &unnamed).await, State::Archiving);
    assert_eq!(state(&bed.stores, &other).await, State::Submitted);
    let jobs = received(&bed.stores).await;
    let is_plain = |lease: &Lease| matches!(lease.job, Job::Archive { .. });
    assert!(jobs.len() == 2 && jobs.iter().all(is_plain), "{jobs:?}");
}

/// No output gets into a bucket here.
#[tokio::test]
async fn the_first_refusal_writes_the_end_and_an_ordinary_job_goes_on() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    fluxgate_tests::contract::tenant_store::tenant_with_bucket(&bed.stores, &tenant, "b").await;
    let (task, run) = submitted(&bed.stores, &tenant).await;
    told(&bed.stores, &task, &run).await;
    let lease = received(&bed.stores).await.remove(0);
    let archiver = Roles::over(&bed.stores).archiver();

    archiver.work(&lease).await.unwrap();

    let stored = bed.stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(stored.state, State::Archiving);
    assert_eq!(stored.sources, run.sources);
    assert_eq!(stored.completed_by, Some(Via::Webhook));
    let next = received(&bed.stores).await;
    let is_plain = |lease: &Lease| matches!(lease.job, Job::Archive { .. });
    assert!(next.len() == 1 && next.iter().all(is_plain), "{next:?}");
    // It comes again, late: the task has gone on without it.
    let late = leases(&bed.stores, vec![lease.job]).await.remove(0);
    archiver.work(&late).await.unwrap();
    let unmoved = bed.stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(unmoved, stored);
}

#[tokio::test]
async fn a_job_whose_task_has_ended_meanwhile_changes_nothing() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let (task, run) = submitted(&bed.stores, &tenant).await;
    told(&bed.stores, &task, &run).await;
    let lease = received(&bed.stores).await.remove(0);
    let failure = Failure::new(5004, "model_timeout", "too late");
    let ended = bed.stores.signal(&task, Signal::GaveUp(failure)).await;

    Roles::over(&bed.stores)
        .archiver()
        .work(&lease)
        .await
        .unwrap();

    let stored = bed.stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(stored, ended);
    let account = bed.stores.accounts.account(&tenant).await.unwrap();
    assert_eq!(
        (account.captured, account.held),
        (MicroUsd::ZERO, MicroUsd::ZERO)
    );
    assert_eq!(account.available, PRICE);
}

/// If the job is lost, the watch asks the provider, and the end is written as if there had been no
/// webhook.
#[tokio::test]
async fn a_poll_writes_the_end_of_a_run_whose_job_was_lost() {
    let bed = Bed::start().await;
    let tenant = bed.stores.funded(1).await;
    let (task, run) = submitted(&bed.stores, &tenant).await;
    told(&bed.stores, &task, &run).await;
    let lost = received(&bed.stores).await.remove(0);

    let polled = Signal::Finished(Finished {
        via: Via::Poll,
        ..run
    });
    let polled = bed.stores.signal(&task, polled).await;
    Roles::over(&bed.stores)
        .archiver()
        .work(&lost)
        .await
        .unwrap();

    let stored = bed.stores.tasks.get(&tenant, &task.id).await.unwrap();
    assert_eq!(stored, polled);
    assert_eq!(stored.completed_by, Some(Via::Poll));
}
