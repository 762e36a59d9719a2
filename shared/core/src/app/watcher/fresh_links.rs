//! Asks the provider for a finished run again, because the links that it named do not lead to the
//! outputs.

use super::Watcher;
use crate::base::error::Result;
use crate::domain::provider::RunStatus;
use crate::domain::task::{Signal, Task};

impl Watcher {
    /// Brings fresh links, or learns that there is nothing left to be linked to. A task that is
    /// completed keeps its charge then.
    pub(super) async fn ask_for_links(&self, task: Task) -> Result<Task> {
        if task
            .unarchived
            .as_ref()
            .is_some_and(|unarchived| unarchived.expires_at <= self.context.now())
        {
            return self.outputs_gone(task).await;
        }
        // Only a run that is known has outputs.
        let Some(run) = task.run.clone() else {
            return Ok(task);
        };
        match self.provider.result(&run).await? {
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
            // It may have been asked at a bad moment; a submit's run is not known at once either.
            None if !self.machine.is_dead_for_long(&task) => Ok(task),
            None => self.outputs_gone(task).await,
        }
    }

    async fn outputs_gone(&self, task: Task) -> Result<Task> {
        let text = "the provider does not have the outputs of this run any more";
        self.machine.end_outputs(task, "output_gone", text).await
    }
}
