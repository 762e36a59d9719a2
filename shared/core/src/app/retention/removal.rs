//! Removes the oldest tasks of one tenant.

use super::Retention;
use super::pass::OfTenant;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::Task;

impl Retention {
    /// How many were removed, and whether there may be more. Stops before the first task that
    /// somebody still needs.
    pub(super) async fn remove_some(
        &self,
        current: &mut OfTenant,
        limit: usize,
    ) -> Result<(usize, bool)> {
        let (tenant, after, before) = (&current.tenant, current.after.as_ref(), current.before);
        let mut page = self.old_tasks(tenant, after, before, limit).await?;
        let unneeded = page.iter().take_while(|task| current.is_unneeded(task));
        let unneeded = unneeded.count();
        let needed = page.get(unneeded);
        if let Some(task) = needed {
            tell_needed(task, current.waits_for(task));
        }
        current.is_unexported = needed.is_some_and(|task| !task.is_open());
        page.truncate(unneeded);
        if page.is_empty() {
            return Ok((0, false));
        }
        let retention = self.context.retention();
        let removed = retention.remove_tasks(&current.tenant, &page).await?;
        if removed.count < page.len() {
            tell_delivered(&page[0], page.len() - removed.count);
        }
        let goes_on = removed.through.is_some() && unneeded == limit;
        current.after = removed.through.or(current.after.take());
        Ok((removed.count, goes_on))
    }

    /// So many of those that were made before this moment.
    pub(super) async fn old_tasks(
        &self,
        tenant: &TenantId,
        after: Option<&TaskId>,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<Task>> {
        let tasks = self.context.tasks();
        let mut page = tasks.list_after(tenant, after, limit).await?;
        let end = TaskId::lowest_at(before);
        page.retain(|task| task.id < end);
        Ok(page)
    }
}

impl OfTenant {
    /// True if nobody needs the task any more: it has ended and was announced, and each export of
    /// usage has told it.
    fn is_unneeded(&self, task: &Task) -> bool {
        !task.is_open() && self.waits_for(task).is_none()
    }

    /// Where an export goes to that has not come to this task.
    fn waits_for(&self, task: &Task) -> Option<&str> {
        let mut exports = self.exports.iter();
        let export = exports.find(|export| !export.cursor.is_past(&task.id));
        export.map(|export| export.place.as_str())
    }
}

fn tell_needed(task: &Task, export: Option<&str>) {
    let (why, export) = if task.is_open() {
        ("it has not ended, or its end was not announced", None)
    } else {
        let why = "an export of usage has not come to it; run that export, or forget it";
        (why, export)
    };
    tracing::warn!(tenant.id = %task.tenant, task.id = %task.id, export, why, "a task that was kept long enough, and those after it, are not removed");
}

fn tell_delivered(first: &Task, left: usize) {
    tracing::debug!(tenant.id = %first.tenant, task.id = %first.id, left, "from this task on some are not removed in this step: deliveries of theirs are kept, or their lines fill a pack");
}
