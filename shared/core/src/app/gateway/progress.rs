//! What is new of a task, for whoever follows it.

use super::Gateway;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::{Step, Task};

/// A task, and its timeline beyond the lines that were seen. A task that has ended comes with all
/// of them; one that runs may have got further than they say.
#[derive(Debug)]
pub struct Progress {
    pub task: Task,
    pub steps: Vec<Step>,
    /// How many lines there are in all.
    pub lines: usize,
}

impl Gateway {
    /// The task with what lies beyond so many lines of its timeline. Kind `NotFound` for foreign,
    /// unknown and deleted ids alike.
    pub async fn progress(&self, tenant: &TenantId, id: &TaskId, seen: usize) -> Result<Progress> {
        let steps = self.context.tasks().timeline(tenant, id).await?;
        self.progress_to(steps, tenant, id, seen).await
    }

    /// As [`Self::progress`]; `None`, for the price of one read, if there are no more lines. Each
    /// change of a task writes one.
    pub async fn further_progress(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        seen: usize,
    ) -> Result<Option<Progress>> {
        let steps = self.context.tasks().timeline(tenant, id).await?;
        if steps.len() <= seen {
            return Ok(None);
        }
        self.progress_to(steps, tenant, id, seen).await.map(Some)
    }

    /// The task is read after its lines, so that no line leads to a state that it is not in yet.
    async fn progress_to(
        &self,
        mut steps: Vec<Step>,
        tenant: &TenantId,
        id: &TaskId,
        seen: usize,
    ) -> Result<Progress> {
        let task = self.task(tenant, id).await?;
        if task.state.is_end() {
            steps = self.context.tasks().timeline(tenant, id).await?;
        }
        let lines = steps.len();
        let steps = steps.into_iter().skip(seen).collect();
        Ok(Progress { task, steps, lines })
    }
}
