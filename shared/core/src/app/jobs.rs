//! The queue as roles use it. Every job received is settled, whatever the outcome of its work.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;

use super::Context;
use crate::base::error::{Error, Reason, Result};
use crate::base::retry::jittered_ms;
use crate::domain::task::{Delayed, Job, Lane};
use crate::port::{Ids as _, Lease, Queue};

/// Delay before retrying a job that panicked.
const PANIC_DELAY_MS: u64 = 60_000;

/// Processes jobs.
#[async_trait]
pub trait Worker: Send + Sync {
    /// Processes one job and settles its lease. On an error the caller only has to log: the job is
    /// received again when its lease expires.
    async fn work(&self, lease: &Lease) -> Result<()>;

    /// Settles the lease of a job whose work panicked.
    async fn after_panic(&self, lease: &Lease) -> Result<()>;

    /// As [`Self::work`], but a panic fails only this job.
    async fn work_safely(&self, lease: &Lease) -> Result<()> {
        match AssertUnwindSafe(self.work(lease)).catch_unwind().await {
            Ok(worked) => worked,
            Err(_) => {
                tracing::error!(lane = lease.job.lane().as_str(), tenant.id = %lease.job.tenant(), "job panicked");
                self.after_panic(lease).await
            }
        }
    }
}

/// What the queue should do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    Done,
    AgainAfterMs(u64),
    /// The same, and it counts as a failure.
    FailedAgainAfterMs(u64),
}

/// The queue, and the retry schedule.
#[derive(Clone)]
pub(crate) struct Jobs {
    context: Context,
    queue: Arc<dyn Queue>,
}

impl Jobs {
    pub(crate) fn new(context: &Context, queue: Arc<dyn Queue>) -> Self {
        Self {
            context: context.clone(),
            queue,
        }
    }

    pub(crate) async fn receive(&self, lane: Lane, max: usize) -> Result<Vec<Lease>> {
        self.queue
            .receive(lane, max, self.context.bounds.lease_ms)
            .await
    }

    pub(crate) async fn send_at_once(&self, jobs: impl Iterator<Item = Job> + Send) -> Result<()> {
        let jobs: Vec<Delayed> = jobs.map(|job| Delayed { job, after_ms: 0 }).collect();
        if jobs.is_empty() {
            Ok(())
        } else {
            self.queue.send(&jobs).await
        }
    }

    pub(crate) async fn ack(&self, lease: &Lease) -> Result<()> {
        self.queue.ack(lease).await
    }

    pub(crate) async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()> {
        self.queue.again(lease, next, after_ms).await
    }

    pub(crate) fn hasten(&self, job: &Job) {
        self.queue.hasten(job);
    }

    pub(crate) fn jittered_ms(&self, delay_ms: u64) -> u64 {
        jittered_ms(delay_ms, self.context.entropy.u64())
    }

    /// Settles a job whose number of attempts is limited.
    pub(crate) async fn settle(&self, lease: &Lease, outcome: Result<JobOutcome>) -> Result<()> {
        match outcome {
            Ok(JobOutcome::Done) => self.queue.ack(lease).await,
            Ok(JobOutcome::AgainAfterMs(delay_ms)) => {
                self.queue.again(lease, &lease.job, delay_ms).await
            }
            Ok(JobOutcome::FailedAgainAfterMs(delay_ms)) => {
                self.fail(lease, delay_ms, "nothing to do yet").await
            }
            Err(error) if error.is(Reason::NoRecord) => self.queue.ack(lease).await,
            Err(error) => {
                warn(lease, &error);
                let delay_ms =
                    self.jittered_ms(self.context.bounds.archive_retry.delay_ms(lease.failures));
                self.fail(lease, delay_ms, &error.to_string()).await
            }
        }
    }

    pub(crate) async fn after_panic(&self, lease: &Lease) -> Result<()> {
        match &lease.job {
            // They are never given up: nothing else would look after the task or the batch.
            Job::Watch { .. } | Job::Batch { .. } => {
                self.queue.again(lease, &lease.job, PANIC_DELAY_MS).await
            }
            _ => self.fail(lease, PANIC_DELAY_MS, "panic").await,
        }
    }

    /// Fails for a job of another role: a bug in the caller.
    pub(crate) fn refuse(lease: &Lease) -> Result<()> {
        let text = format!(
            "a job from the {} lane reached the worker of another lane",
            lease.job.lane().as_str()
        );
        Err(Error::internal("wrong_lane", text))
    }

    async fn fail(&self, lease: &Lease, delay_ms: u64, reason: &str) -> Result<()> {
        self.queue
            .fail(
                lease,
                delay_ms,
                reason,
                self.context.bounds.job_failures_max,
            )
            .await
    }
}

pub(crate) fn warn(lease: &Lease, error: &Error) {
    tracing::warn!(lane = lease.job.lane().as_str(), tenant.id = %lease.job.tenant(), attempt = lease.failures + 1, error = error.with_causes(), "job failed; it will be retried");
}
