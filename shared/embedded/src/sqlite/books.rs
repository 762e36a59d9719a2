//! A tenant's books, read part by part as of one moment.
//!
//! While a snapshot is held, the write-ahead log grows with what is written meanwhile. So it is
//! held for a bounded time: a reading that takes longer goes on with a later one, and whoever
//! compares the account before with the account after finds out whether it moved in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::day::Day;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::LedgerEntry;
use fluxgate_core::port::{BooksPart, BooksReader, BooksStanding};
use fluxgate_core::task::BookedTask;
use rusqlite::{Connection, params};

use super::error::{database, parsed};
use super::reports::{Reports, rows};
use super::retention::REMOVED_TO;
use super::{day_store, money};

const SNAPSHOT_MAX: Duration = Duration::from_secs(10);
/// Of one part.
const TASKS_MAX: usize = 1_000;
/// A task has three entries at most, and one if it was refunded.
const ENTRIES_MAX: usize = 4 * TASKS_MAX;

pub(super) struct SqliteBooks {
    reports: Arc<Reports>,
    tenant: TenantId,
    /// Its transaction is the snapshot. `None` before the first read, and while one is under way.
    connection: Option<Connection>,
    snapshot_since: Option<Instant>,
    /// The reference up to which tasks and entries were read; `None` after the last.
    read_to: Option<String>,
}

impl SqliteBooks {
    pub(super) fn new(reports: Arc<Reports>, tenant: TenantId) -> Self {
        Self {
            reports,
            tenant,
            connection: None,
            snapshot_since: None,
            read_to: Some(String::new()),
        }
    }

    async fn read<T, F>(&mut self, part: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                self.snapshot_since = None;
                self.reports.open().await?
            }
        };
        let is_over = |since: Instant| since.elapsed() >= SNAPSHOT_MAX;
        let is_new = self.snapshot_since.is_none_or(is_over);
        if is_new {
            self.snapshot_since = Some(Instant::now());
        }
        let (connection, read) = self
            .reports
            .read_by(connection, move |connection| {
                if is_new {
                    begin_snapshot(connection)?;
                }
                part(connection)
            })
            .await?;
        self.connection = Some(connection);
        read
    }
}

#[async_trait]
impl BooksReader for SqliteBooks {
    async fn standing(&mut self) -> Result<BooksStanding> {
        let tenant = self.tenant.clone();
        self.read(move |connection| standing(connection, &tenant))
            .await
    }

    async fn next(&mut self) -> Result<Option<BooksPart>> {
        let Some(after) = self.read_to.clone() else {
            return Ok(None);
        };
        let tenant = self.tenant.clone();
        let (part, read_to) = self
            .read(move |connection| part(connection, &tenant, &after))
            .await?;
        self.read_to = read_to;
        Ok(Some(part))
    }
}

fn standing(connection: &Connection, tenant: &TenantId) -> Result<BooksStanding> {
    let (first, last) = (Day::FIRST.to_string(), Day::LAST.to_string());
    let removed_to = rows(connection, REMOVED_TO, params![tenant.as_str()], |row| {
        row.get::<_, String>(0)
    })?;
    let removed_to = removed_to.first().map(|id| TaskId::parse(id));
    Ok(BooksStanding {
        account: money::read(connection, tenant)?,
        days: day_store::days_of(connection, tenant, (&first, &last))?,
        removed_to: removed_to.transpose()?,
    })
}

fn begin_snapshot(connection: &Connection) -> Result<()> {
    let sql = if connection.is_autocommit() {
        "BEGIN"
    } else {
        "COMMIT; BEGIN"
    };
    connection
        .execute_batch(sql)
        .map_err(database("read the books"))
}

/// Tasks by id and entries by reference, which of a task's is its id, up to where both were read.
fn part(
    connection: &Connection,
    tenant: &TenantId,
    after: &str,
) -> Result<(BooksPart, Option<String>)> {
    let mut tasks = tasks_after(connection, tenant, after)?;
    let mut entries = entries_after(connection, tenant, after)?;
    let of_tasks = (tasks.len() == TASKS_MAX).then(|| tasks.last().map(|task| task.id.to_string()));
    let of_entries = (entries.len() == ENTRIES_MAX).then(|| last_whole(&entries));
    let read_to = match (of_tasks.flatten(), of_entries.flatten()) {
        (Some(task), Some(entry)) => Some(task.min(entry)),
        (task, entry) => task.or(entry),
    };
    if let Some(read_to) = &read_to {
        tasks.retain(|task| task.id.as_str() <= read_to.as_str());
        entries.retain(|entry| entry.reference <= *read_to);
    }
    Ok((BooksPart { entries, tasks }, read_to))
}

/// The last reference that has no more entries than were read.
fn last_whole(entries: &[LedgerEntry]) -> Option<String> {
    let last = &entries.last()?.reference;
    let mut whole = entries.iter().rev().map(|entry| &entry.reference);
    whole.find(|reference| *reference != last).cloned()
}

fn tasks_after(connection: &Connection, tenant: &TenantId, after: &str) -> Result<Vec<BookedTask>> {
    let page = rows(
        connection,
        "SELECT id, body FROM tasks WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        params![tenant.as_str(), after, limit(TASKS_MAX)],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    )?;
    let booked = |(id, body): &(String, String)| {
        parsed(body, format_args!("task '{id}' of tenant '{tenant}'"))
    };
    page.iter().map(booked).collect()
}

fn entries_after(
    connection: &Connection,
    tenant: &TenantId,
    after: &str,
) -> Result<Vec<LedgerEntry>> {
    let sql = format!(
        "SELECT {} FROM ledger WHERE tenant = ?1 AND reference > ?2
         ORDER BY reference, kind LIMIT ?3",
        money::ENTRY
    );
    let page = params![tenant.as_str(), after, limit(ENTRIES_MAX)];
    let page = rows(connection, &sql, page, money::entry_of)?;
    page.into_iter().map(money::whole_entry).collect()
}

fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
