//! What has been kept long enough is removed. SQLite uses the freed pages for what comes next, so
//! that the file stops growing; it does not become smaller.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::Month;
use fluxgate_core::port::{Removed, RetentionStore};
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, Params, params};

use super::delivery_store::OF_TASK;
use super::error::database;
use super::task_rows::check_version;
use super::{SqliteStore, inputs_drop};

pub(super) const REMOVED_TO: &str = "SELECT removed_to FROM removals WHERE tenant = ?1";

#[async_trait]
impl RetentionStore for SqliteStore {
    async fn remove_tasks(&self, _: &TenantId, tasks: &[Task]) -> Result<Removed> {
        let tasks = tasks.to_vec();
        self.write_soon(move |write| remove_tasks(write.connection, &tasks))
            .await
    }

    async fn drop_inputs(&self, tenant: &TenantId, end: &TaskId, limit: usize) -> Result<usize> {
        let page = inputs_drop::page(self.reading().await, tenant, end, limit)?;
        let (Some(last), count) = (page.last().cloned(), page.len()) else {
            return Ok(0);
        };
        let tenant = tenant.clone();
        self.write_soon(move |write| inputs_drop::drop_to(write.connection, &tenant, &last))
            .await?;
        Ok(count)
    }

    async fn removed_before(&self) -> Result<Timestamp> {
        let sql = "SELECT before FROM removal_pass";
        let found = self.reading().await.row(sql, [], |row| row.get(0))?;
        Ok(Timestamp(found.unwrap_or(i64::MIN)))
    }

    async fn save_removed_before(&self, moment: Timestamp) -> Result<()> {
        let sql = "INSERT INTO removal_pass (one, before) VALUES (1, ?1)
                   ON CONFLICT DO UPDATE SET before = max(before, excluded.before)";
        self.write_soon(move |write| {
            execute(write.connection, sql, params![moment.0], "note a removal").map(drop)
        })
        .await
    }

    async fn expire_idempotency_keys(&self, now: Timestamp, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM idempotency WHERE (tenant, key) IN (
                     SELECT tenant, key FROM idempotency WHERE expires_at <= ?1
                     ORDER BY expires_at LIMIT ?2)";
        let of = (now.0, rows(limit));
        self.expire_by(sql, of, "remove expired idempotency keys")
            .await
    }

    async fn expire_key_use(&self, before: Month, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM key_use WHERE rowid IN (
                     SELECT rowid FROM key_use WHERE month < ?1 ORDER BY month LIMIT ?2)";
        let of = (before.to_string(), rows(limit));
        self.expire_by(sql, of, "remove what API keys used").await
    }

    async fn expire_dead_letters(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let sql = "DELETE FROM dead_letters WHERE n IN (
                     SELECT n FROM dead_letters WHERE at < ?1 ORDER BY at LIMIT ?2)";
        let of = (before.0, rows(limit));
        self.expire_by(sql, of, "remove old dead letters").await
    }
}

impl SqliteStore {
    async fn expire_by<P>(&self, sql: &'static str, of: P, what: &'static str) -> Result<usize>
    where
        P: Params + Clone + Send + 'static,
    {
        self.write_soon(move |write| execute(write.connection, sql, of.clone(), what))
            .await
    }
}

/// Those with a delivery are left, and those behind them are removed.
fn remove_tasks(connection: &Connection, tasks: &[Task]) -> Result<Removed> {
    let mut removed = Vec::with_capacity(tasks.len());
    for task in tasks {
        check_version(connection, task, task.version)?;
        if !has_deliveries(connection, task)? {
            removed.push(task);
        }
    }
    for task in &removed {
        remove(connection, task)?;
    }
    if let Some(last) = removed.last() {
        note_removal(connection, last)?;
    }
    Ok(Removed {
        count: removed.len(),
        through: tasks.last().map(|task| task.id.clone()),
    })
}

fn note_removal(connection: &Connection, last: &Task) -> Result<()> {
    execute(
        connection,
        "INSERT INTO removals (tenant, removed_to) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET removed_to = max(removed_to, excluded.removed_to)",
        params![last.tenant.as_str(), last.id.as_str()],
        "note a removal",
    )
    .map(drop)
}

fn has_deliveries(connection: &Connection, task: &Task) -> Result<bool> {
    connection
        .prepare_cached(&format!("SELECT 1 FROM deliveries {OF_TASK}"))
        .and_then(|mut statement| statement.exists(params![task.tenant.as_str(), task.id.as_str()]))
        .map_err(database("look for a task's deliveries"))
}

fn remove(connection: &Connection, task: &Task) -> Result<()> {
    let (tenant, id) = (task.tenant.as_str(), task.id.as_str());
    let what = "remove an old task";
    for sql in [
        "DELETE FROM tasks WHERE tenant = ?1 AND id = ?2",
        "DELETE FROM inputs WHERE tenant = ?1 AND id = ?2",
    ] {
        execute(connection, sql, params![tenant, id], what)?;
    }
    if let Some(run) = &task.run {
        let sql = "DELETE FROM runs WHERE run = ?1 AND tenant = ?2 AND task = ?3";
        execute(connection, sql, params![run.as_str(), tenant, id], what)?;
    }
    Ok(())
}

fn execute(
    connection: &Connection,
    sql: &str,
    of: impl Params,
    what: &'static str,
) -> Result<usize> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(of))
        .map_err(database(what))
}

fn rows(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
