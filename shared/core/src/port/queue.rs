//! The durable queue. Jobs of a task's change are sent by the task store; all others are sent here.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Job, Lane};

/// A received job. Nobody else receives it until it is settled or its lease expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub job: Job,
    /// Identifies the stored job to the adapter.
    pub handle: String,
    /// Identifies this receipt: settling with an outdated receipt does nothing.
    pub receipt: u64,
    /// Number of earlier failures of the job.
    pub failures: u32,
}

/// A job that failed too often, or something that is no job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Identifies it in its lane.
    pub id: String,
    /// `None` if it cannot be parsed as a job.
    pub job: Option<Job>,
    pub reason: String,
    /// When it became one; `None` if an earlier release did not say.
    pub at: Option<Timestamp>,
}

/// Dead letters of a lane that are listed, sent again or removed at once.
pub const DEAD_LETTERS_MAX: usize = 1_000;

#[async_trait]
pub trait Queue: Send + Sync {
    /// Sends all jobs or none; durable when it returns.
    async fn send(&self, jobs: &[Delayed]) -> Result<()>;

    /// Up to `max` due jobs of a lane. Waits a bounded time for one, so it may return none. Tenants
    /// take turns: each may hold only a share of a lane at once, which shrinks as the number of
    /// tenants grows, so that no tenant waits for another's jobs, however many they are and however
    /// long they take. A job not settled within `lease_ms` is received again, for example after a
    /// crash.
    async fn receive(&self, lane: Lane, max: usize, lease_ms: u64) -> Result<Vec<Lease>>;

    /// Removes a finished job. Does nothing if the job no longer exists.
    async fn ack(&self, lease: &Lease) -> Result<()>;

    /// Continues the job as `next`, due after `after_ms`, with its failures reset. Does nothing if
    /// the job no longer exists, so a watch that was removed with its task stays removed.
    async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()>;

    /// What this job waits for is there: it may be due at once instead of later. A hint, which does
    /// nothing for another job, or where the adapter cannot.
    fn hasten(&self, _job: &Job) {}

    /// The longest job, as JSON, that costs less to send than a change costs to write. Zero where
    /// a change takes its jobs along.
    fn instead_of_change_bytes_max(&self) -> usize {
        0
    }

    /// Records a failure; the job is due again after `after_ms`, or becomes a dead letter at
    /// `failures_max` failures.
    async fn fail(
        &self,
        lease: &Lease,
        after_ms: u64,
        reason: &str,
        failures_max: u32,
    ) -> Result<()>;

    /// The dead letters of a lane, oldest first: [`DEAD_LETTERS_MAX`] at most.
    async fn dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>>;

    /// Sends the jobs of these dead letters again, at once and with no failures, and removes the
    /// letters: a crash in between may send one twice, and loses none. Those that cannot be parsed
    /// stay. Returns the ids of those that were sent.
    async fn redrive(&self, lane: Lane, ids: &BTreeSet<String>) -> Result<BTreeSet<String>>;

    /// Removes these dead letters for good. Returns the ids of those that were there.
    async fn delete_dead_letters(
        &self,
        lane: Lane,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>>;
}
