//! The durable queue: rows in `jobs`, handed out by the schedule.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, TaskId, TenantId};
use fluxgate_core::port::{DeadLetter, Lease, Queue, RestorationStore as _};
use fluxgate_core::task::{Delayed, Job, Lane};
use fluxgate_core::time::Timestamp;
use rusqlite::params;

use super::SqliteStore;
use super::dead_letters::bury;
use super::error::{database, unwritable};
use super::schedule::{self, Effect, Entry, Part, Schedule};
use super::settling::End;
use super::writer::Write;

/// How long a receive waits at most if nothing is due.
const RECEIVE_WAIT_MAX_MS: u64 = 1_000;

/// A watch that comes again after this time or later need not be written at once.
const AGAIN_SOON_MIN_MS: u64 = 1_000;

/// One row per job: sending the same job again moves it.
fn key(job: &Job) -> String {
    match job {
        Job::Watch { tenant, task, .. } => watch_key(tenant, task),
        Job::Wake { tenant, task, .. } => format!("wake/{tenant}/{task}"),
        Job::Archive { tenant, task } | Job::ArchiveRun { tenant, task, .. } => {
            archive_key(tenant, task)
        }
        Job::Recover {
            tenant, endpoint, ..
        } => format!("recover/{tenant}/{endpoint}"),
        Job::Batch { tenant, batch, .. } => format!("batch/{tenant}/{batch}"),
        Job::Deliver {
            tenant, delivery, ..
        } => delivery_key(tenant, delivery),
    }
}

pub(super) fn delivery_key(tenant: &TenantId, delivery: &DeliveryId) -> String {
    format!("deliver/{tenant}/{delivery}")
}

pub(super) fn archive_key(tenant: &TenantId, task: &TaskId) -> String {
    format!("archive/{tenant}/{task}")
}

pub(super) fn watch_key(tenant: &TenantId, task: &TaskId) -> String {
    format!("watch/{tenant}/{task}")
}

/// Writes a job's row; it is handed out after the commit.
pub(super) fn put_job(
    write: &mut Write<'_>,
    job: &Job,
    due: Timestamp,
    failures: u32,
) -> Result<()> {
    let key = key(job);
    let body = serde_json::to_string(job).map_err(unwritable)?;
    write
        .connection
        .prepare_cached(
            "INSERT OR REPLACE INTO jobs (key, due_at, failures, body) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| statement.execute(params![key, due.0, failures, body]))
        .map_err(database("write a job"))?;
    write.after_commit(Effect::Due {
        key,
        entry: Entry {
            job: job.clone(),
            due,
            failures,
        },
    });
    Ok(())
}

/// Removes a job's row.
pub(super) fn remove_job(write: &mut Write<'_>, key: String) -> Result<()> {
    write
        .connection
        .prepare_cached("DELETE FROM jobs WHERE key = ?1")
        .and_then(|mut statement| statement.execute(params![key]))
        .map_err(database("remove a job"))?;
    write.after_commit(Effect::Gone { key });
    Ok(())
}

/// Has rows read again that were to be read and were not.
struct Reading<'a> {
    schedule: &'a Schedule,
    part: Part,
    tenants: Vec<TenantId>,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.schedule.unread(self.part, self.tenants.iter());
    }
}

impl SqliteStore {
    /// What can be received at once.
    pub(super) async fn take_due(
        &self,
        lane: Lane,
        max: usize,
        lease_ms: u64,
    ) -> Result<Vec<Lease>> {
        self.read_jobs(lane).await?;
        Ok(self.schedule.take(lane, max, self.clock.now(), lease_ms))
    }

    /// Brings jobs that are due, and were not in memory, there.
    async fn read_jobs(&self, lane: Lane) -> Result<()> {
        let now = self.clock.now();
        for (part, wanted) in self.schedule.wanted(lane, now) {
            let _reading = Reading {
                schedule: &self.schedule,
                part,
                tenants: wanted.whose(),
            };
            self.write_soon(move |write| schedule::read(write, part, wanted.clone(), now))
                .await?;
        }
        Ok(())
    }

    /// Settles a lease in a transaction, unless it is outdated by then: the job may have been sent
    /// again, even in this very commit.
    async fn settle<F>(&self, lease: &Lease, work: F) -> Result<()>
    where
        F: Fn(&mut Write<'_>, &Lease) -> Result<()> + Send + 'static,
    {
        // Most callbacks: the write that delivered one removed its job.
        if !self.schedule.holds(lease) {
            return Ok(());
        }
        let (schedule, lease) = (self.schedule.clone(), lease.clone());
        let holds = move |write: &Write<'_>, lease: &Lease| {
            schedule.holds(lease) && !write.has_sent(&lease.handle)
        };
        self.write_soon(move |write| {
            if holds(write, &lease) {
                work(write, &lease)
            } else {
                Ok(())
            }
        })
        .await
    }
}

#[async_trait]
impl Queue for SqliteStore {
    async fn send(&self, jobs: &[Delayed]) -> Result<()> {
        let (jobs, now) = (jobs.to_vec(), self.clock.now());
        self.write(move |write| {
            jobs.iter()
                .try_for_each(|job| put_job(write, &job.job, now.plus_ms(job.after_ms), 0))
        })
        .await
    }

    async fn receive(&self, lane: Lane, max: usize, lease_ms: u64) -> Result<Vec<Lease>> {
        if self.check_restored().await.is_err() {
            tokio::time::sleep(Duration::from_millis(RECEIVE_WAIT_MAX_MS)).await;
            return Ok(Vec::new());
        }
        let leases = self.take_due(lane, max, lease_ms).await?;
        if !leases.is_empty() {
            return Ok(leases);
        }
        let now = self.clock.now();
        let wait_ms = self.schedule.wait_ms(lane, now, RECEIVE_WAIT_MAX_MS);
        drop(
            tokio::time::timeout(Duration::from_millis(wait_ms), self.schedule.changed(lane)).await,
        );
        self.take_due(lane, max, lease_ms).await
    }

    async fn ack(&self, lease: &Lease) -> Result<()> {
        if self.settle_soon(lease, End::Done).is_none() {
            return Ok(());
        }
        self.settle(lease, |write, lease| {
            remove_job(write, lease.handle.clone())
        })
        .await
    }

    async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()> {
        let (next, due) = (next.clone(), self.clock.now().plus_ms(after_ms));
        let may_wait = matches!(next, Job::Watch { .. }) && after_ms >= AGAIN_SOON_MIN_MS;
        if may_wait
            && self
                .settle_soon(lease, End::Again(next.clone(), due))
                .is_none()
        {
            return Ok(());
        }
        self.settle(lease, move |write, _| put_job(write, &next, due, 0))
            .await
    }

    fn hasten(&self, job: &Job) {
        self.schedule.hasten(&key(job), job);
    }

    async fn fail(
        &self,
        lease: &Lease,
        after_ms: u64,
        reason: &str,
        failures_max: u32,
    ) -> Result<()> {
        let (reason, now) = (reason.to_owned(), self.clock.now());
        self.settle(lease, move |write, lease| {
            let failures = lease.failures + 1;
            if failures >= failures_max {
                bury(write, lease, &reason, now)
            } else {
                put_job(write, &lease.job, now.plus_ms(after_ms), failures)
            }
        })
        .await
    }

    async fn dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>> {
        self.list_dead_letters(lane).await
    }

    async fn redrive(&self, lane: Lane, ids: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        self.redrive_letters(lane, ids).await
    }

    async fn delete_dead_letters(
        &self,
        lane: Lane,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>> {
        self.delete_letters(lane, ids).await
    }
}
