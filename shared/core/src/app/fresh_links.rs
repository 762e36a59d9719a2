//! Asks the provider for a finished run again, because the links that it named do not lead to the outputs.

use super::Fluxgate;
use crate::base::error::Result;
use crate::domain::provider::RunStatus;
use crate::domain::task::{Failure, Signal, Task};

impl Fluxgate {
    /// Brings fresh links, or learns that there is nothing left to be linked to. A task that is completed keeps its charge then.
    pub(super) async fn ask_for_links(&self, task: Task) -> Result<Task> {
        if task.unarchived.as_ref().is_some_and(|unarchived| unarchived.expires_at <= self.now()) {
            return self.outputs_gone(task).await;
        }
        // Only a run that is known has outputs.
        let Some(run) = task.run.clone() else { return Ok(task) };
        match self.ports.provider.result(&run).await? {
            Some(run) if run.status == RunStatus::Running => Ok(task),
            Some(run) if run.status == RunStatus::Completed && run.outputs.len() == task.outputs_made() => {
                Ok(self.signal(task, Signal::Refreshed { sources: run.outputs }).await?.task())
            }
            Some(_) => self.outputs_gone(task).await,
            // It may have been asked at a bad moment; a submit's run is not known at once either.
            None if !self.is_dead_for_long(&task) => Ok(task),
            None => self.outputs_gone(task).await,
        }
    }

    /// True when the links have failed for so long that the next ones will.
    pub(super) fn is_dead_for_long(&self, task: &Task) -> bool {
        task.stale.is_some_and(|stale| self.now().since_ms(stale.since) >= self.bounds().dead_link_max_ms)
    }

    async fn outputs_gone(&self, task: Task) -> Result<Task> {
        let text = "the provider does not have the outputs of this run any more";
        self.end_outputs(task, "output_gone", text).await
    }

    /// Ends what cannot be had, whoever found out.
    pub(super) async fn end_outputs(&self, task: Task, reason: &str, text: &str) -> Result<Task> {
        tracing::warn!(task.id = %task.id, tenant.id = %task.tenant, reason, "outputs cannot be had");
        let charged = if task.state.is_end() { "they were charged, as they were made" } else { "nothing was charged" };
        let failure = Failure::new(5000, reason, format!("{text}; {charged}"));
        Ok(self.signal(task, Signal::OutputsGone(failure)).await?.task())
    }
}
