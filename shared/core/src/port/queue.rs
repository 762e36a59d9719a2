//! The durable queue. Jobs of a task's change are sent by the task store; the rest goes through
//! here.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::domain::task::{Delayed, Job, Lane};

/// A job in hand. Until it is settled or its lease runs out nobody else receives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub job: Job,
    /// Names the stored job to the adapter.
    pub handle: String,
    /// Names this one receipt: a settlement by an outdated receipt does nothing.
    pub receipt: u64,
    /// How often the job failed before.
    pub failures: u32,
}

/// A job that failed too often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    pub job: Job,
    pub reason: String,
}

#[async_trait]
pub trait Queue: Send + Sync {
    /// Durable when it returns; all or none.
    async fn send(&self, jobs: &[Delayed]) -> Result<()>;

    /// Up to `max` due jobs of a lane. Waits until there is one, but not for ever: it may return
    /// none. Tenants take turns: one has only a share of a lane in hand at once, the less of it the
    /// more tenants there are, and however many jobs some have and however long those take,
    /// another's do not wait for them. A job not settled within `lease_ms` is received again, as
    /// after a crash.
    async fn receive(&self, lane: Lane, max: usize, lease_ms: u64) -> Result<Vec<Lease>>;

    /// The job is done and gone. Of a job already gone: nothing happens.
    async fn ack(&self, lease: &Lease) -> Result<()>;

    /// The job goes on as `next`, due after `after_ms`, its failures forgotten. Of a job already
    /// gone: nothing happens, so a watch that was removed with its task stays removed.
    async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()>;

    /// The job failed and is due again after `after_ms`; at `failures_max` failures it becomes a
    /// dead letter instead.
    async fn fail(
        &self,
        lease: &Lease,
        after_ms: u64,
        reason: &str,
        failures_max: u32,
    ) -> Result<()>;

    /// The dead letters of a lane, oldest first. Those that are no job are left out, and counted in
    /// the log.
    async fn dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>>;
}
