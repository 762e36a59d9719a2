//! The queue as roles use it. Every job received is settled, whatever the outcome of its work.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt as _;

use super::traced::{JobProgress, failed_with, follow_job, job_came_out};
use super::{Alerter, Context};
use crate::base::error::{Error, Fault, Reason, Result};
use crate::base::retry::jittered_ms;
use crate::domain::task::{Delayed, Job, Lane};
use crate::port::{Ids as _, Lease, Queue};

/// Delay before retrying a job that panicked.
const PANIC_DELAY_MS: u64 = 60_000;
/// Delay before a job comes again that this process had no room for. It has not failed.
const NO_ROOM_DELAY_MS: u64 = 10_000;

/// Processes jobs.
#[async_trait]
pub trait Worker: Send + Sync {
    /// Processes one job and settles its lease. On an error the caller only has to log: the job is
    /// received again when its lease expires.
    async fn work(&self, lease: &Lease) -> Result<()>;

    /// As [`Self::work`], and says whether anything was done.
    async fn progress(&self, lease: &Lease) -> Result<JobProgress> {
        self.work(lease).await.map(|()| JobProgress::Made)
    }

    /// Settles the lease of a job whose work panicked.
    async fn after_panic(&self, lease: &Lease) -> Result<()>;

    /// Tells of what the jobs since the last call have made due.
    async fn tell_noted(&self) {}

    /// As [`Self::progress`], but a panic fails only this job.
    async fn work_safely(&self, lease: &Lease) -> Result<JobProgress> {
        follow_job(lease);
        match AssertUnwindSafe(self.progress(lease)).catch_unwind().await {
            Ok(worked) => worked,
            Err(_) => {
                failed_with("panic");
                tracing::error!(
                    "a job panicked, which is a bug of Fluxgate; it runs again in a minute"
                );
                self.after_panic(lease).await.map(|()| JobProgress::Made)
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
        job_came_out("done");
        self.queue.ack(lease).await
    }

    pub(crate) async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()> {
        job_came_out("again");
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
            Ok(JobOutcome::Done) => self.ack(lease).await,
            Ok(JobOutcome::AgainAfterMs(delay_ms)) => self.again(lease, &lease.job, delay_ms).await,
            Ok(JobOutcome::FailedAgainAfterMs(delay_ms)) => {
                let again = "nothing to do yet";
                self.fail(lease, delay_ms, (again, "not_yet")).await
            }
            Err(error) if error.is(Reason::NoRecord) => self.ack(lease).await,
            Err(error) if error.is(Reason::NoRoom) => {
                failed_with(error.code);
                let delay_ms = self.jittered_ms(NO_ROOM_DELAY_MS);
                self.again(lease, &lease.job, delay_ms).await
            }
            Err(error) if error.fault == Fault::Tenant => self.wait_for_tenant(lease, &error).await,
            Err(error) => {
                warn(&error);
                let delay_ms = self.retry_delay_ms(lease);
                self.fail(lease, delay_ms, (&error.to_string(), error.code))
                    .await
            }
        }
    }

    fn retry_delay_ms(&self, lease: &Lease) -> u64 {
        let retry = self.context.bounds.archive_retry;
        self.jittered_ms(retry.delay_ms(lease.failures))
    }

    /// What only the tenant can mend is tried again as any failure is, and is never a dead letter:
    /// at its end the task's watch sends the next job. The tenant is told by an event.
    async fn wait_for_tenant(&self, lease: &Lease, error: &Error) -> Result<()> {
        failed_with(error.code);
        if self.is_last(lease) {
            return self.ack(lease).await;
        }
        job_came_out("again");
        let (delay_ms, failures_max) = (
            self.retry_delay_ms(lease),
            self.context.bounds.job_failures_max,
        );
        self.queue
            .fail(lease, delay_ms, &error.to_string(), failures_max)
            .await
    }

    fn is_last(&self, lease: &Lease) -> bool {
        lease.failures + 1 >= self.context.bounds.job_failures_max
    }

    pub(crate) async fn after_panic(&self, lease: &Lease) -> Result<()> {
        match &lease.job {
            // They are never given up: nothing else would look after the task or the batch.
            Job::Watch { .. } | Job::Batch { .. } => {
                self.again(lease, &lease.job, PANIC_DELAY_MS).await
            }
            _ => self.fail(lease, PANIC_DELAY_MS, ("panic", "panic")).await,
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

    async fn fail(&self, lease: &Lease, delay_ms: u64, (reason, code): (&str, &str)) -> Result<()> {
        let failures_max = self.context.bounds.job_failures_max;
        let is_last = self.is_last(lease);
        job_came_out(if is_last { "dead" } else { "failed" });
        self.queue
            .fail(lease, delay_ms, reason, failures_max)
            .await?;
        if is_last {
            let alerter = Alerter::new(&self.context);
            Box::pin(alerter.tell_dead_letter(lease, code)).await;
        }
        Ok(())
    }
}

/// The job's span says which it is, and its line what became of it.
pub(crate) fn warn(error: &Error) {
    failed_with(error.code);
    tracing::warn!(
        error = error.with_causes(),
        "a job failed; it will be tried again"
    );
}
