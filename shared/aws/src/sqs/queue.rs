//! `Queue` on SQS: settling a job sends its successor before it removes the message. A crash in
//! between duplicates a job but never loses one.

use std::collections::BTreeSet;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::port::{DeadLetter, Lease, Queue};
use fluxgate_core::task::{Delayed, Job, Lane};

use super::dead_letters::Settling;
use super::message::{Envelope, SendEntry};
use super::{Removal, SqsQueue};

/// SQS bills a request for each started 64 KB of a message, and one costs two thirds of the
/// smallest write. <https://aws.amazon.com/sqs/pricing/>
const INSTEAD_OF_CHANGE_BYTES_MAX: usize = 60_000;

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, jobs: &[Delayed]) -> Result<()> {
        let messages: Vec<SendEntry> = jobs
            .iter()
            .map(|Delayed { job, after_ms }| self.outgoing(job.clone(), 0, *after_ms))
            .collect();
        self.send_all(&messages).await
    }

    async fn receive(&self, lane: Lane, max: usize, lease_ms: u64) -> Result<Vec<Lease>> {
        self.receive_due(lane, max, lease_ms).await
    }

    async fn ack(&self, lease: &Lease) -> Result<()> {
        self.remove(lease).await
    }

    async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()> {
        if !self.holds(lease) {
            return Ok(());
        }
        if !self.is_over(next).await? {
            self.send_all(&[self.outgoing(next.clone(), 0, after_ms)])
                .await?;
        }
        self.remove(lease).await
    }

    fn instead_of_change_bytes_max(&self) -> usize {
        INSTEAD_OF_CHANGE_BYTES_MAX
    }

    async fn fail(
        &self,
        lease: &Lease,
        after_ms: u64,
        reason: &str,
        failures_max: u32,
    ) -> Result<()> {
        if !self.holds(lease) {
            return Ok(());
        }
        let failures = lease.failures.saturating_add(1);
        if failures >= failures_max {
            // A redriven job starts with no failures.
            let body = Envelope::new(lease.job.clone(), 0).body()?;
            self.bury(lease.job.lane(), &body, Some(lease.job.tenant()), reason)
                .await?;
        } else {
            self.send_all(&[self.outgoing(lease.job.clone(), failures, after_ms)])
                .await?;
        }
        self.remove(lease).await
    }

    async fn dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>> {
        self.list_dead_letters(lane).await
    }

    async fn redrive(&self, lane: Lane, ids: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        self.settle_letters(lane, ids, Settling::Redrive).await
    }

    async fn delete_dead_letters(
        &self,
        lane: Lane,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>> {
        self.settle_letters(lane, ids, Settling::Delete).await
    }
}

impl SqsQueue {
    /// As far as this process knows: another may have received the message since. The Lambda
    /// runtime only delivers messages in progress.
    fn holds(&self, lease: &Lease) -> bool {
        match self.settings.removal {
            Removal::Delete => self.shares.holds(
                lease.job.lane(),
                lease.job.tenant(),
                &lease.handle,
                self.clock.now(),
            ),
            Removal::ByRuntime => true,
        }
    }

    async fn is_over(&self, next: &Job) -> Result<bool> {
        match (next, &self.ended_tasks) {
            (Job::Watch { tenant, task, .. }, Some(ended_tasks)) => {
                ended_tasks.is_over(tenant, task).await
            }
            _ => Ok(false),
        }
    }

    async fn remove(&self, lease: &Lease) -> Result<()> {
        let lane = lease.job.lane();
        self.delete(lane, std::slice::from_ref(&lease.handle))
            .await?;
        self.shares.release(lane, lease.job.tenant(), &lease.handle);
        Ok(())
    }
}
