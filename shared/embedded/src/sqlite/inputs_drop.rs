//! Inputs and callback URLs of tasks that stay, removed once they were kept long enough. What a
//! pass has looked at is never read again.

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use rusqlite::{Connection, params};

use super::erasing::erasing;
use super::error::database;
use super::readers::Readers;

/// The first that a pass has to look at, up to the first task that is open.
const PAGE: &str = "SELECT id FROM tasks
     WHERE tenant = ?1 AND id > coalesce(
         (SELECT dropped_to FROM inputs_drops WHERE tenant = ?1), '')
       AND id < ?2 AND id < coalesce((SELECT min(id) FROM tasks INDEXED BY tasks_open
         WHERE tenant = ?1 AND open = 1), 'g') ORDER BY id LIMIT ?3";

/// Tasks before this one whose inputs were not dropped: so many at most, oldest first.
pub(super) fn page(
    readers: &Readers,
    tenant: &TenantId,
    end: &TaskId,
    limit: usize,
) -> Result<Vec<String>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    readers.rows(PAGE, params![tenant.as_str(), end.as_str(), limit], |row| {
        row.get(0)
    })
}

/// Drops those of the tenant's tasks up to this one, with the pages that they lay on. A task that
/// has ended by then does not open again.
pub(super) fn drop_to(connection: &Connection, tenant: &TenantId, last: &str) -> Result<()> {
    const INPUTS: &str = "UPDATE inputs SET body = '{}', expires_at = NULL
         WHERE tenant = ?1 AND id > coalesce(
           (SELECT dropped_to FROM inputs_drops WHERE tenant = ?1), '')
         AND id <= ?2 AND body <> '{}'";
    // The version stays: who changes the task at this moment would write the URL back, and keep it
    // until the task is removed.
    const CALLBACKS: &str = "UPDATE tasks SET body = json_remove(body, '$.callback')
         WHERE tenant = ?1 AND id > coalesce(
           (SELECT dropped_to FROM inputs_drops WHERE tenant = ?1), '')
         AND id <= ?2 AND json_extract(body, '$.callback') IS NOT NULL";
    const DROPPED: &str = "INSERT INTO inputs_drops (tenant, dropped_to) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET dropped_to = max(dropped_to, excluded.dropped_to)";
    erasing(connection, |connection| {
        for sql in [INPUTS, CALLBACKS, DROPPED] {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.execute(params![tenant.as_str(), last]))
                .map_err(database("drop old inputs"))?;
        }
        Ok(())
    })
}
