//! Timelines: a column of the task's row, JSON with a step a line.

use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::errors::{no_such_task, timeline_grew};
use fluxgate_core::task::{NOTED_STEPS_MAX, Step};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::{database, parsed, unwritable};
use super::readers::Readers;

const STEPS: &str = "SELECT steps FROM tasks WHERE tenant = ?1 AND id = ?2";

pub(super) fn read(readers: &Readers, tenant: &TenantId, task: &TaskId) -> Result<Vec<Step>> {
    let of = params![tenant.as_str(), task.as_str()];
    let lines: Option<String> = readers.row(STEPS, of, |row| row.get(0))?;
    steps_of(tenant, task, &lines.unwrap_or_default())
}

/// What to append to the column for these steps.
pub(super) fn lines_of(steps: &[Step]) -> Result<String> {
    steps.iter().try_fold(String::new(), |lines, step| {
        let line = serde_json::to_string(step).map_err(unwritable)?;
        Ok(lines + &line + "\n")
    })
}

/// Appends a line; with `length`, only if the timeline has exactly that many lines.
pub(super) fn add_note(
    connection: &Connection,
    tenant: &TenantId,
    task: &TaskId,
    length: Option<usize>,
    step: &Step,
) -> Result<()> {
    let found = lines(connection, tenant, task)?.lines().count();
    if length.is_some_and(|length| length != found) {
        return Err(timeline_grew());
    }
    if found >= NOTED_STEPS_MAX {
        return Ok(());
    }
    let noted = lines_of(std::slice::from_ref(step))?;
    connection
        .prepare_cached("UPDATE tasks SET steps = steps || ?3 WHERE tenant = ?1 AND id = ?2")
        .and_then(|mut statement| statement.execute(params![tenant.as_str(), task.as_str(), noted]))
        .map(drop)
        .map_err(database("write the timeline"))
}

/// Erases what the timeline of a deleted task says in detail.
pub(super) fn erase_details(
    connection: &Connection,
    tenant: &TenantId,
    task: &TaskId,
) -> Result<()> {
    let steps = steps_of(tenant, task, &lines(connection, tenant, task)?)?;
    let erased: Vec<Step> = steps.into_iter().map(Step::erased).collect();
    let lines = lines_of(&erased)?;
    connection
        .prepare_cached("UPDATE tasks SET steps = ?3 WHERE tenant = ?1 AND id = ?2")
        .and_then(|mut statement| statement.execute(params![tenant.as_str(), task.as_str(), lines]))
        .map(drop)
        .map_err(database("erase the timeline"))
}

fn lines(connection: &Connection, tenant: &TenantId, task: &TaskId) -> Result<String> {
    connection
        .prepare_cached(STEPS)
        .and_then(|mut statement| {
            let of = params![tenant.as_str(), task.as_str()];
            statement.query_row(of, |row| row.get(0)).optional()
        })
        .map_err(database("read the timeline"))?
        .ok_or_else(no_such_task)
}

fn steps_of(tenant: &TenantId, task: &TaskId, lines: &str) -> Result<Vec<Step>> {
    let what = format_args!("timeline of task '{task}' of tenant '{tenant}'");
    lines.lines().map(|line| parsed(line, what)).collect()
}
