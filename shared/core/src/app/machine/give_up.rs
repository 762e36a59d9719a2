//! Ends a task without a result from its run: a time limit has passed, or the outputs cannot be
//! fetched.

use super::Machine;
use crate::base::error::Result;
use crate::domain::task::{Failure, Signal, Task};

impl Machine {
    pub(crate) async fn give_up(&self, task: Task, failure: Failure) -> Result<Task> {
        tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, reason = failure.reason, "a task was given up; what it held is released");
        Ok(self.signal(task, Signal::GaveUp(failure)).await?.task())
    }

    /// Ends copying when the outputs cannot be fetched. A completed task keeps its charge.
    pub(crate) async fn end_outputs(&self, task: Task, reason: &str, text: &str) -> Result<Task> {
        tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, reason, "the outputs of a run cannot be fetched from the provider; the task ends");
        let charged = if task.state.is_end() {
            "they were produced, so the charge stands"
        } else {
            "nothing was charged"
        };
        let failure = Failure::new(5000, reason, format!("{text}; {charged}"));
        Ok(self
            .signal(task, Signal::OutputsGone(failure))
            .await?
            .task())
    }

    /// True if the links have failed for so long that fresh ones will fail too.
    pub(crate) fn is_dead_for_long(&self, task: &Task) -> bool {
        let dead_ms = |since| self.context.now().since_ms(since);
        task.stale
            .is_some_and(|stale| dead_ms(stale.since) >= self.context.bounds.dead_link_max_ms)
    }
}
