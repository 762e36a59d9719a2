//! A walk over a tenant's tasks, a page at a time. Whoever reads more of them than one page does it
//! with this.

use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::Task;
use crate::port::TaskStore;

/// Tasks read at once: a page of DynamoDB's, 1 MB, of items of at most 1 KB.
const PAGE_TASKS: usize = 1_000;

/// What is left of a walk.
pub(crate) struct TaskPages<'a> {
    tasks: &'a dyn TaskStore,
    tenant: &'a TenantId,
    order: Order,
    is_eventual: bool,
    page_tasks: usize,
    /// The last task that was read; at first the one that the walk begins beside.
    last: Option<TaskId>,
    is_done: bool,
}

#[derive(Clone, Copy)]
enum Order {
    NewestFirst,
    OldestFirst,
}

impl<'a> TaskPages<'a> {
    /// From the newest task on, or from the newest one before this id.
    pub(crate) fn newest_first(
        tasks: &'a dyn TaskStore,
        tenant: &'a TenantId,
        before: Option<TaskId>,
    ) -> Self {
        Self {
            tasks,
            tenant,
            order: Order::NewestFirst,
            is_eventual: false,
            page_tasks: PAGE_TASKS,
            last: before,
            is_done: false,
        }
    }

    /// From the oldest task on, or from the oldest one after this id.
    pub(crate) fn oldest_first(
        tasks: &'a dyn TaskStore,
        tenant: &'a TenantId,
        after: Option<TaskId>,
    ) -> Self {
        Self {
            order: Order::OldestFirst,
            ..Self::newest_first(tasks, tenant, after)
        }
    }

    /// The same in pages of this many.
    pub(crate) fn of(self, page_tasks: usize) -> Self {
        Self { page_tasks, ..self }
    }

    /// The same by reads that may be late. Only a walk from the oldest task on has them.
    pub(crate) fn eventual(self) -> Self {
        Self {
            is_eventual: true,
            ..self
        }
    }

    /// The next page, which holds at least one task; `None` after the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Task>>> {
        if self.is_done {
            return Ok(None);
        }
        let (tasks, last) = (self.tasks, self.last.as_ref());
        let (tenant, limit) = (self.tenant, self.page_tasks);
        let page = match (self.order, self.is_eventual) {
            (Order::NewestFirst, _) => tasks.list(tenant, last, limit).await?,
            (Order::OldestFirst, false) => tasks.list_after(tenant, last, limit).await?,
            (Order::OldestFirst, true) => tasks.list_after_eventual(tenant, last, limit).await?,
        };
        self.is_done = page.len() < self.page_tasks;
        self.last = page.last().map(|task| task.id.clone());
        Ok((!page.is_empty()).then_some(page))
    }

    /// True when the page that was read last ended the walk.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }
}
