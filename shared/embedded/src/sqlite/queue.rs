//! The durable queue: rows in `jobs`, handed out by the schedule.

use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, TaskId, TenantId};
use fluxgate_core::port::{DeadLetter, Lease, Queue};
use fluxgate_core::task::{Delayed, Job, Lane};
use fluxgate_core::time::Timestamp;
use rusqlite::params;

use super::SqliteStore;
use super::error::{database, unwritable};
use super::schedule::{Effect, Entry};
use super::writer::Write;

/// How long a receive waits at most if nothing is due.
const RECEIVE_WAIT_MAX_MS: u64 = 1_000;

/// One row per job: sending the same job again moves it.
fn key(job: &Job) -> String {
    match job {
        Job::Watch { tenant, task, .. } => watch_key(tenant, task),
        Job::Wake { tenant, task, .. } => format!("wake/{tenant}/{task}"),
        Job::Archive { tenant, task } => format!("archive/{tenant}/{task}"),
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
pub(super) fn remove_job(write: &mut Write<'_>, key: String, lane: Lane) -> Result<()> {
    write
        .connection
        .prepare_cached("DELETE FROM jobs WHERE key = ?1")
        .and_then(|mut statement| statement.execute(params![key]))
        .map_err(database("remove a job"))?;
    write.after_commit(Effect::Gone { key, lane });
    Ok(())
}

fn bury(write: &mut Write<'_>, lease: &Lease, reason: &str) -> Result<()> {
    let body = serde_json::to_string(&lease.job).map_err(unwritable)?;
    write
        .connection
        .prepare_cached("INSERT INTO dead_letters (lane, reason, body) VALUES (?1, ?2, ?3)")
        .and_then(|mut statement| {
            statement.execute(params![lease.job.lane().as_str(), reason, body])
        })
        .map_err(database("write a dead letter"))?;
    remove_job(write, lease.handle.clone(), lease.job.lane())
}

impl SqliteStore {
    /// Settles a lease in a transaction, unless it is outdated by then: the job may have been sent
    /// again, even in this very commit.
    async fn settle<F>(&self, lease: &Lease, work: F) -> Result<()>
    where
        F: FnOnce(&mut Write<'_>, &Lease) -> Result<()> + Send + 'static,
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
        let now = self.clock.now();
        let leases = self.schedule.take(lane, max, now, lease_ms);
        if !leases.is_empty() {
            return Ok(leases);
        }
        let wait_ms = self
            .schedule
            .next_in_ms(lane, now)
            .unwrap_or(u64::MAX)
            .clamp(1, RECEIVE_WAIT_MAX_MS);
        drop(
            tokio::time::timeout(Duration::from_millis(wait_ms), self.schedule.changed(lane)).await,
        );
        Ok(self.schedule.take(lane, max, self.clock.now(), lease_ms))
    }

    async fn ack(&self, lease: &Lease) -> Result<()> {
        self.settle(lease, |write, lease| {
            remove_job(write, lease.handle.clone(), lease.job.lane())
        })
        .await
    }

    async fn again(&self, lease: &Lease, next: &Job, after_ms: u64) -> Result<()> {
        let (next, due) = (next.clone(), self.clock.now().plus_ms(after_ms));
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
        let (reason, due) = (reason.to_owned(), self.clock.now().plus_ms(after_ms));
        self.settle(lease, move |write, lease| {
            let failures = lease.failures + 1;
            if failures >= failures_max {
                bury(write, lease, &reason)
            } else {
                put_job(write, &lease.job, due, failures)
            }
        })
        .await
    }

    async fn dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>> {
        let rows = self.reading().await.rows(
            "SELECT reason, body FROM dead_letters WHERE lane = ?1 ORDER BY n LIMIT 1000",
            params![lane.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1).ok())),
        )?;
        let letters = rows.len();
        let read = |(reason, body): (String, Option<String>)| {
            Some(DeadLetter {
                job: serde_json::from_str(&body?).ok()?,
                reason,
            })
        };
        let listed: Vec<DeadLetter> = rows.into_iter().filter_map(read).collect();
        if listed.len() < letters {
            let unreadable = letters - listed.len();
            tracing::warn!(
                lane = lane.as_str(),
                unreadable,
                "dead letters that cannot be parsed as jobs are not listed"
            );
        }
        Ok(listed)
    }
}
