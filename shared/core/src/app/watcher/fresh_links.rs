//! Requests a finished run from the provider again, because its links no longer lead to the
//! outputs.

use super::Watcher;
use crate::base::error::Result;
use crate::domain::provider::RunStatus;
use crate::domain::task::{Signal, Task};

impl Watcher {
    /// Gets fresh links, or finds out that the outputs are gone. A completed task keeps its charge
    /// in that case.
    pub(super) async fn ask_for_links(&self, task: Task) -> Result<Task> {
        if task
            .unarchived
            .as_ref()
            .is_some_and(|unarchived| unarchived.expires_at <= self.context.now())
        {
            return self.outputs_gone(task).await;
        }
        // Only a task with a known run has outputs.
        let Some(run) = task.run.clone() else {
            return Ok(task);
        };
        let trace = self.context.hop(&task);
        match self.provider.result(&run, &trace).await? {
            Some(run) if run.status == RunStatus::Running => Ok(task),
            Some(run)
                if run.status == RunStatus::Completed
                    && run.outputs.len() == task.outputs_made() =>
            {
                Ok(self
                    .machine
                    .signal(
                        task,
                        Signal::Refreshed {
                            sources: run.outputs,
                        },
                    )
                    .await?
                    .task())
            }
            Some(_) => self.outputs_gone(task).await,
            // May be temporary: the provider does not find a new run at once either.
            None if !self.machine.is_dead_for_long(&task) => Ok(task),
            None => self.outputs_gone(task).await,
        }
    }

    async fn outputs_gone(&self, task: Task) -> Result<Task> {
        let text = "the provider no longer has the outputs of this run";
        self.machine.end_outputs(task, "output_gone", text).await
    }
}
