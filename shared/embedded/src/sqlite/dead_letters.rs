//! Dead letters: rows that nobody hands out, until the operator sends their jobs again.

use std::collections::BTreeSet;

use fluxgate_core::Result;
use fluxgate_core::port::{DEAD_LETTERS_MAX, DeadLetter, Lease};
use fluxgate_core::task::{Job, Lane};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::error::{database, unwritable};
use super::queue::{put_job, remove_job};
use super::reports::rows;
use super::writer::Write;

/// Writes a job that is given up, and removes it from the queue.
pub(super) fn bury(
    write: &mut Write<'_>,
    lease: &Lease,
    reason: &str,
    now: Timestamp,
) -> Result<()> {
    let body = serde_json::to_string(&lease.job).map_err(unwritable)?;
    write
        .connection
        .prepare_cached("INSERT INTO dead_letters (lane, reason, body, at) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| {
            statement.execute(params![lease.job.lane().as_str(), reason, body, now.0])
        })
        .map_err(database("write a dead letter"))?;
    remove_job(write, lease.handle.clone())
}

impl SqliteStore {
    pub(super) async fn list_dead_letters(&self, lane: Lane) -> Result<Vec<DeadLetter>> {
        let most = i64::try_from(DEAD_LETTERS_MAX).unwrap_or(i64::MAX);
        self.report(move |connection| {
            rows(
                connection,
                "SELECT n, reason, body, at FROM dead_letters WHERE lane = ?1 ORDER BY n LIMIT ?2",
                params![lane.as_str(), most],
                letter,
            )
        })
        .await
    }

    pub(super) async fn redrive_letters(
        &self,
        lane: Lane,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>> {
        let (numbers, now) = (numbers(ids), self.clock.now());
        self.write(move |write| {
            let mut sent = BTreeSet::new();
            for n in numbers.iter().copied() {
                if let Some(job) = job_of(write.connection, lane, n)? {
                    put_job(write, &job, now, 0)?;
                    remove(write.connection, lane, n)?;
                    sent.insert(n.to_string());
                }
            }
            Ok(sent)
        })
        .await
    }

    pub(super) async fn delete_letters(
        &self,
        lane: Lane,
        ids: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>> {
        let numbers = numbers(ids);
        self.write(move |write| {
            let mut gone = BTreeSet::new();
            for n in numbers.iter().copied() {
                if remove(write.connection, lane, n)? {
                    gone.insert(n.to_string());
                }
            }
            Ok(gone)
        })
        .await
    }
}

fn letter(row: &Row<'_>) -> rusqlite::Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.get::<_, i64>(0)?.to_string(),
        reason: row.get(1)?,
        job: parsed(row.get(2).ok()),
        at: row.get::<_, Option<i64>>(3)?.map(Timestamp),
    })
}

fn parsed(body: Option<String>) -> Option<Job> {
    serde_json::from_str(&body?).ok()
}

/// An id that is no number is of no letter.
fn numbers(ids: &BTreeSet<String>) -> Vec<i64> {
    ids.iter().filter_map(|id| id.parse().ok()).collect()
}

fn job_of(connection: &Connection, lane: Lane, n: i64) -> Result<Option<Job>> {
    let body: Option<Option<String>> = connection
        .prepare_cached("SELECT body FROM dead_letters WHERE lane = ?1 AND n = ?2")
        .and_then(|mut statement| {
            statement
                .query_row(params![lane.as_str(), n], |row| Ok(row.get(0).ok()))
                .optional()
        })
        .map_err(database("read a dead letter"))?;
    Ok(parsed(body.flatten()))
}

fn remove(connection: &Connection, lane: Lane, n: i64) -> Result<bool> {
    connection
        .prepare_cached("DELETE FROM dead_letters WHERE lane = ?1 AND n = ?2")
        .and_then(|mut statement| statement.execute(params![lane.as_str(), n]))
        .map(|removed| removed == 1)
        .map_err(database("remove a dead letter"))
}
