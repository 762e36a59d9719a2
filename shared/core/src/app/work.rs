//! What each queue's consumer does with a job in hand: the body of poller, archiver and notifier.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use super::Fluxgate;
use super::advance::Advanced;
use super::deliver::JobOutcome;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::retry::jittered_ms;
use crate::domain::fair_queue::CHECK_MAX_MS;
use crate::domain::task::{Job, State, Task};
use crate::port::{Ids as _, Lease};

/// Before a job that panicked is tried again.
const PANIC_DELAY_MS: u64 = 60_000;

impl Fluxgate {
    /// As [`Self::work`], and a panic fails that job alone.
    pub async fn work_safely(&self, lease: &Lease) -> Result<()> {
        match AssertUnwindSafe(self.work(lease)).catch_unwind().await {
            Ok(worked) => worked,
            Err(_) => self.after_panic(lease).await,
        }
    }

    async fn after_panic(&self, lease: &Lease) -> Result<()> {
        tracing::error!(lane = lease.job.lane().as_str(), tenant.id = %lease.job.tenant(), "a job panicked");
        match &lease.job {
            // A watch is never given up: its task would have nobody looking at it.
            Job::Watch { .. } => self.ports.queue.again(lease, &lease.job, PANIC_DELAY_MS).await,
            _ => self.ports.queue.fail(lease, PANIC_DELAY_MS, "panic", self.bounds().job_failures_max).await,
        }
    }

    /// Works on one job and settles its lease. An error is for the log: the job comes again when its lease runs out.
    pub async fn work(&self, lease: &Lease) -> Result<()> {
        match &lease.job {
            Job::Watch { tenant, task, round } => {
                let advanced = self.advance(tenant, task).await;
                self.after_watch(lease, *round, advanced).await
            }
            Job::Wake { tenant, task, version, round } => {
                let advanced = match self.ports.store.tasks().get(tenant, task).await {
                    Ok(task) if task.version == *version => self.take_step(task).await,
                    Err(error) if error.kind != Kind::NotFound => Err(error),
                    // It has moved on, or was never written.
                    _ => return self.ports.queue.ack(lease).await,
                };
                self.after_wake(lease, *version, *round, advanced).await
            }
            Job::Archive { tenant, task } => {
                let outcome = self.archive(tenant, task).await.map(|()| JobOutcome::Done);
                self.settle(lease, outcome).await
            }
            Job::Deliver { tenant, delivery } => {
                let outcome = self.deliver(tenant, delivery).await;
                self.settle(lease, outcome).await
            }
        }
    }

    /// The watch goes on until its task is over and its events are on their way, whatever went wrong before.
    async fn after_watch(&self, lease: &Lease, round: u32, advanced: Result<Advanced>) -> Result<()> {
        let delay_ms = match &advanced {
            // A wake looks for the turn; the watch is there in case it was lost, and counts its rounds from the submit on.
            Ok(Advanced { check_after_ms: Some(_), .. }) => {
                return self.ports.queue.again(lease, &first_round(&lease.job), CHECK_MAX_MS).await;
            }
            Ok(Advanced { task, .. }) if task.state.is_end() && !task.untold => {
                match self.resend_lost_deliveries(task).await? {
                    None => return self.ports.queue.ack(lease).await,
                    Some(delay_ms) => delay_ms,
                }
            }
            Ok(Advanced { task, .. }) => self.watch_delay_ms(task, round + 1),
            Err(error) if error.kind == Kind::NotFound => return self.ports.queue.ack(lease).await,
            Err(error) => {
                warn(lease, error);
                self.bounds().watch.delay_ms(round + 1)
            }
        };
        let delay_ms = jittered_ms(delay_ms, self.ports.entropy.u64());
        self.ports.queue.again(lease, &next_round(&lease.job), delay_ms).await
    }

    fn watch_delay_ms(&self, task: &Task, round: u32) -> u64 {
        let growing = self.bounds().watch.delay_ms(round);
        match task.state {
            State::Submitting => growing.min(self.submit_remaining_ms(task.since) + 1),
            _ => growing,
        }
    }

    /// A wake that moved nothing tries again; one that did has been followed by whatever the change brought.
    async fn after_wake(&self, lease: &Lease, version: u64, round: u32, advanced: Result<Advanced>) -> Result<()> {
        match &advanced {
            Ok(Advanced { task, .. }) if task.version != version => return self.ports.queue.ack(lease).await,
            Ok(Advanced { check_after_ms: Some(delay_ms), .. }) => {
                return self.ports.queue.again(lease, &first_round(&lease.job), *delay_ms).await;
            }
            // Nothing more will happen to it.
            Ok(Advanced { task, .. }) if task.state.is_end() && !task.untold && !task.waits_for_links() => {
                return self.ports.queue.ack(lease).await;
            }
            Ok(_) => {}
            Err(error) => warn(lease, error),
        }
        let delay_ms = jittered_ms(self.bounds().wake.delay_ms(round + 1), self.ports.entropy.u64());
        self.ports.queue.again(lease, &next_round(&lease.job), delay_ms).await
    }

    async fn settle(&self, lease: &Lease, outcome: Result<JobOutcome>) -> Result<()> {
        match outcome {
            Ok(JobOutcome::Done) => self.ports.queue.ack(lease).await,
            Ok(JobOutcome::AgainAfterMs(delay_ms)) => self.ports.queue.again(lease, &lease.job, delay_ms).await,
            Err(error) if error.is(Reason::NoRecord) => self.ports.queue.ack(lease).await,
            Err(error) => {
                warn(lease, &error);
                let delay_ms =
                    jittered_ms(self.bounds().archive_retry.delay_ms(lease.failures), self.ports.entropy.u64());
                self.ports.queue.fail(lease, delay_ms, &error.to_string(), self.bounds().job_failures_max).await
            }
        }
    }
}

fn first_round(job: &Job) -> Job {
    match job.clone() {
        Job::Watch { tenant, task, .. } => Job::Watch { tenant, task, round: 0 },
        Job::Wake { tenant, task, version, .. } => Job::Wake { tenant, task, version, round: 0 },
        other => other,
    }
}

fn next_round(job: &Job) -> Job {
    match job.clone() {
        Job::Watch { tenant, task, round } => Job::Watch { tenant, task, round: round.saturating_add(1) },
        Job::Wake { tenant, task, version, round } => {
            Job::Wake { tenant, task, version, round: round.saturating_add(1) }
        }
        other => other,
    }
}

fn warn(lease: &Lease, error: &Error) {
    tracing::warn!(lane = lease.job.lane().as_str(), tenant.id = %lease.job.tenant(), attempt = lease.failures + 1, error = error.with_causes(), "a job will be tried again");
}
