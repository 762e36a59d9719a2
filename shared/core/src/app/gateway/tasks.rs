//! A tenant's tasks, found by state, model, time and what was attached to them.

use super::Gateway;
use crate::app::task_pages::TaskPages;
use crate::base::error::{Error, Result};
use crate::base::id::{ModelId, TaskId, TenantId};
use crate::base::labels::Labels;
use crate::base::time::Timestamp;
use crate::domain::task::{State, Task};
use crate::port::errors::no_such_task;

/// Read at once: most pages are short.
const PAGE_TASKS: usize = 100;

/// Which tasks are wanted; what is left out matches all.
#[derive(Debug, Default)]
pub struct TaskQuery {
    pub states: Vec<State>,
    pub model: Option<ModelId>,
    /// All of these, with the same values. Nothing finds a task by them, so that a time has to be
    /// given where the search ends.
    pub metadata: Labels,
    /// Created at this time or later.
    pub from: Option<Timestamp>,
    /// Created before this time.
    pub before: Option<Timestamp>,
    /// The `next` of the page before.
    pub after: Option<TaskId>,
    pub limit: usize,
}

/// Newest first. A page may be empty and not the last.
#[derive(Debug)]
pub struct TaskPage {
    pub tasks: Vec<Task>,
    /// The last task that was looked at; `None` at the end of the list.
    pub next: Option<TaskId>,
}

impl TaskPage {
    fn last(tasks: Vec<Task>) -> Self {
        Self { tasks, next: None }
    }
}

impl TaskQuery {
    fn check(&self) -> Result<()> {
        if !self.metadata.is_empty() && self.from.is_none() {
            let text = "a search by metadata reads one task after the other; say with 'from' how far back it goes";
            return Err(Error::invalid("missing_parameter", text).field("from"));
        }
        if let (Some(from), Some(before)) = (self.from, self.before)
            && from >= before
        {
            let text = "'from' is not earlier than 'before'; no task was created in between";
            return Err(Error::invalid("invalid_parameter", text).field("from"));
        }
        Ok(())
    }

    fn wants(&self, task: &Task) -> bool {
        task.deleted.is_none()
            && (self.states.is_empty() || self.states.contains(&task.state))
            && self.model.as_ref().is_none_or(|model| *model == task.model)
            && task.metadata.include(&self.metadata)
    }

    /// The task that the walk begins before.
    fn start(&self) -> Option<TaskId> {
        let newest = self.before.map(TaskId::lowest_at);
        match (&self.after, newest) {
            (Some(after), Some(newest)) => Some(newest.min(after.clone())),
            (after, newest) => after.clone().or(newest),
        }
    }
}

impl Gateway {
    /// One page. Kind `Invalid`, naming the field, for a query that cannot be.
    pub async fn tasks(&self, tenant: &TenantId, query: &TaskQuery) -> Result<TaskPage> {
        query.check()?;
        let tasks = self.context.tasks();
        let mut pages = TaskPages::newest_first(tasks, tenant, query.start()).of(PAGE_TASKS);
        let (mut found, mut looked_at) = (Vec::new(), 0);
        while let Some(page) = pages.next().await? {
            for task in page {
                if query.from.is_some_and(|from| task.created_at < from) {
                    return Ok(TaskPage::last(found));
                }
                looked_at += 1;
                let id = task.id.clone();
                if query.wants(&task) {
                    found.push(task);
                }
                if found.len() == query.limit || looked_at == self.context.bounds.page_tasks_max {
                    return Ok(TaskPage {
                        tasks: found,
                        next: Some(id),
                    });
                }
            }
        }
        Ok(TaskPage::last(found))
    }

    /// Kind `NotFound` for foreign, unknown and deleted ids alike.
    pub async fn task(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        let task = self.context.tasks().get(tenant, id).await?;
        match task.deleted {
            None => Ok(task),
            Some(_) => Err(no_such_task()),
        }
    }
}
