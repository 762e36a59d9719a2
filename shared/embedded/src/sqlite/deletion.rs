//! What a deleted task was about is erased, with the pages that it lay on.

use fluxgate_core::Result;
use fluxgate_core::task::{Change, Lane, Step, Task};
use rusqlite::{Connection, params};

use super::erasing::erasing;
use super::error::{database, parsed, unwritable};
use super::queue::{remove_job, watch_key};
use super::task_store::{replace_task, with_stored_hold};
use super::timeline;
use super::writer::Write;

/// Applies the change that deletes a task. It moves no money and tells nobody.
pub(super) fn apply(write: &mut Write<'_>, change: &Change) -> Result<()> {
    let task = &with_stored_hold(write.connection, change)?;
    erasing(write.connection, |connection| {
        replace_task(connection, task, change.expected_version())?;
        connection
            .execute(
                "UPDATE inputs SET body = '{}', expires_at = NULL WHERE tenant = ?1 AND id = ?2",
                params![task.tenant.as_str(), task.id.as_str()],
            )
            .map_err(database("erase inputs"))?;
        erase_details(connection, task)?;
        timeline::add(connection, task, &change.steps)
    })?;
    // It may have been deleted before it was announced.
    remove_job(write, watch_key(&task.tenant, &task.id), Lane::Watch)
}

fn erase_details(connection: &Connection, task: &Task) -> Result<()> {
    let key = params![task.tenant.as_str(), task.id.as_str()];
    let lines: Vec<(i64, String)> = connection
        .prepare_cached("SELECT n, body FROM steps WHERE tenant = ?1 AND task = ?2")
        .and_then(|mut statement| {
            let rows = statement.query_map(key, |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        })
        .map_err(database("read the timeline"))?;
    for (n, body) in lines {
        let step: Step = parsed(&body, format_args!("timeline of task '{}'", task.id))?;
        let erased = serde_json::to_string(&step.erased()).map_err(unwritable)?;
        connection
            .prepare_cached("UPDATE steps SET body = ?4 WHERE tenant = ?1 AND task = ?2 AND n = ?3")
            .and_then(|mut statement| {
                statement.execute(params![task.tenant.as_str(), task.id.as_str(), n, erased])
            })
            .map_err(database("erase the timeline"))?;
    }
    Ok(())
}
