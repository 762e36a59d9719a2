//! Timelines: one row per line.

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::errors::timeline_grew;
use fluxgate_core::task::{NOTED_STEPS_MAX, Step, Task};
use rusqlite::{Connection, params};

use super::error::{database, parsed, unwritable};
use super::readers::Readers;

pub(super) fn read(readers: &Readers, tenant: &TenantId, task: &TaskId) -> Result<Vec<Step>> {
    let bodies = readers.rows(
        "SELECT body FROM steps WHERE tenant = ?1 AND task = ?2 ORDER BY n",
        params![tenant.as_str(), task.as_str()],
        |row| row.get::<_, String>(0),
    )?;
    bodies
        .iter()
        .map(|body| {
            parsed(
                body,
                format_args!("timeline of task '{task}' of tenant '{tenant}'"),
            )
        })
        .collect()
}

/// Appends the lines in order.
pub(super) fn add(connection: &Connection, task: &Task, steps: &[Step]) -> Result<()> {
    let mut n = last_step(connection, &task.tenant, &task.id)?;
    for step in steps {
        n += 1;
        insert_step(connection, &task.tenant, &task.id, n, step)?;
    }
    Ok(())
}

/// Appends a line; with `over`, only if the timeline has exactly that many lines.
pub(super) fn add_note(
    connection: &Connection,
    tenant: &TenantId,
    task: &TaskId,
    lines: Option<usize>,
    step: &Step,
) -> Result<()> {
    let found: i64 = connection
        .prepare_cached("SELECT count(*) FROM steps WHERE tenant = ?1 AND task = ?2")
        .and_then(|mut statement| {
            statement.query_row(params![tenant.as_str(), task.as_str()], |row| row.get(0))
        })
        .map_err(database("read the timeline"))?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if lines.is_some_and(|lines| lines != found) {
        return Err(timeline_grew());
    }
    if found >= NOTED_STEPS_MAX {
        return Ok(());
    }
    insert_step(
        connection,
        tenant,
        task,
        last_step(connection, tenant, task)? + 1,
        step,
    )
}

/// Zero if there is none yet.
fn last_step(connection: &Connection, tenant: &TenantId, task: &TaskId) -> Result<i64> {
    connection
        .prepare_cached("SELECT COALESCE(MAX(n), 0) FROM steps WHERE tenant = ?1 AND task = ?2")
        .and_then(|mut statement| {
            statement.query_row(params![tenant.as_str(), task.as_str()], |row| row.get(0))
        })
        .map_err(database("read the timeline"))
}

fn insert_step(
    connection: &Connection,
    tenant: &TenantId,
    task: &TaskId,
    n: i64,
    step: &Step,
) -> Result<()> {
    let body = serde_json::to_string(step).map_err(unwritable)?;
    connection
        .prepare_cached("INSERT INTO steps (tenant, task, n, body) VALUES (?1, ?2, ?3, ?4)")
        .and_then(|mut statement| {
            statement.execute(params![tenant.as_str(), task.as_str(), n, body])
        })
        .map(drop)
        .map_err(database("write the timeline"))
}
