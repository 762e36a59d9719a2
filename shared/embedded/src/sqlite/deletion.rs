//! What a deleted task was about is erased, with the pages that it lay on.

use fluxgate_core::Result;
use fluxgate_core::task::Change;
use rusqlite::params;

use super::erasing::erasing;
use super::error::database;
use super::queue::{remove_job, watch_key};
use super::task_rows::{check_version, replace_task, with_stored_hold};
use super::timeline::{erase_details, lines_of};
use super::writer::Write;

/// Applies the change that deletes a task. It moves no money and tells nobody.
pub(super) fn apply(write: &mut Write<'_>, change: &Change) -> Result<()> {
    check_version(write.connection, &change.task, change.expected_version())?;
    let task = &with_stored_hold(write.connection, change)?;
    let steps = lines_of(&change.steps)?;
    erasing(write.connection, |connection| {
        erase_details(connection, &task.tenant, &task.id)?;
        replace_task(connection, task, change.expected_version(), &steps)?;
        connection
            .execute(
                "UPDATE inputs SET body = '{}', expires_at = NULL WHERE tenant = ?1 AND id = ?2",
                params![task.tenant.as_str(), task.id.as_str()],
            )
            .map(drop)
            .map_err(database("erase inputs"))
    })?;
    // It may have been deleted before it was announced.
    remove_job(write, watch_key(&task.tenant, &task.id))
}
