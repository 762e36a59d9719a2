//! A task's row: written, replaced over the version that a change was made from, and read.

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::errors::{no_such_task, task_changed};
use fluxgate_core::task::{Change, Task};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::{database, parsed, unwritable};

pub(super) const TASK: &str = "SELECT body FROM tasks WHERE tenant = ?1 AND id = ?2";

pub(super) fn insert_task(connection: &Connection, task: &Task, steps: &str) -> Result<()> {
    let body = serde_json::to_string(task).map_err(unwritable)?;
    connection
        .prepare_cached(
            "INSERT INTO tasks (tenant, id, version, open, body, steps)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                task.tenant.as_str(),
                task.id.as_str(),
                version(task.version),
                task.is_open(),
                body,
                steps
            ])
        })
        .map(drop)
        .map_err(database("write a task"))
}

/// The task to be written. Its hold is taken from the store, because the task's end may have
/// changed it without the caller knowing.
pub(super) fn with_stored_hold(connection: &Connection, change: &Change) -> Result<Task> {
    let task = change.task.clone();
    if change.money.is_some() || !task.state.is_end() {
        return Ok(task);
    }
    let hold = read_task(connection, &task.tenant, &task.id)?.hold;
    Ok(Task { hold, ..task })
}

/// Fails as [`replace_task`] does over another version.
pub(super) fn check_version(connection: &Connection, task: &Task, expected: u64) -> Result<()> {
    let of = params![task.tenant.as_str(), task.id.as_str(), version(expected)];
    let is_expected = connection
        .prepare_cached("SELECT 1 FROM tasks WHERE tenant = ?1 AND id = ?2 AND version = ?3")
        .and_then(|mut statement| statement.exists(of))
        .map_err(database("read a task's version"))?;
    is_expected.then_some(()).ok_or_else(task_changed)
}

/// Of a task that stays open: no index is touched.
const REPLACE_OPEN: &str = "UPDATE tasks SET version = ?3, body = ?4, steps = steps || ?6
     WHERE tenant = ?1 AND id = ?2 AND version = ?5 AND open = 1 AND ?7 = 1";
const REPLACE: &str = "UPDATE tasks SET version = ?3, body = ?4, steps = steps || ?6, open = ?7
     WHERE tenant = ?1 AND id = ?2 AND version = ?5";

/// Writes a task over the one of this version, with more lines of its timeline.
pub(super) fn replace_task(
    connection: &Connection,
    task: &Task,
    expected: u64,
    steps: &str,
) -> Result<()> {
    let body = serde_json::to_string(task).map_err(unwritable)?;
    let replaced = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| {
                statement.execute(params![
                    task.tenant.as_str(),
                    task.id.as_str(),
                    version(task.version),
                    body,
                    version(expected),
                    steps,
                    task.is_open()
                ])
            })
            .map(|changed| changed == 1)
            .map_err(database("write a task"))
    };
    if task.is_open() && replaced(REPLACE_OPEN)? || replaced(REPLACE)? {
        return Ok(());
    }
    Err(task_changed())
}

pub(super) fn read_task(connection: &Connection, tenant: &TenantId, id: &TaskId) -> Result<Task> {
    let body: Option<String> = connection
        .prepare_cached(TASK)
        .and_then(|mut statement| {
            statement
                .query_row(params![tenant.as_str(), id.as_str()], |row| row.get(0))
                .optional()
        })
        .map_err(database("read a task"))?;
    parse_task(tenant, id.as_str(), &body.ok_or_else(no_such_task)?)
}

pub(super) fn parse_task(tenant: &TenantId, id: &str, body: &str) -> Result<Task> {
    parsed(body, format_args!("task '{id}' of tenant '{tenant}'"))
}

fn version(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
