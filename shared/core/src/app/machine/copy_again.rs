//! Copies missing outputs again, once the bucket is fixed.

use tracing::Instrument as _;

use super::Machine;
use crate::app::traced::task_span;
use crate::base::error::{Error, Kind, Result, Retry};
use crate::domain::task::{Signal, State, Task, Unarchived};
use crate::domain::tenant::Archiving;

impl Machine {
    /// Starts another copy of the outputs missing from the bucket; does nothing if one is already
    /// in progress. It moves no money and sends no callbacks.
    ///
    /// Kind `Conflict`, code `nothing_to_archive`, for a task with no missing outputs; kind `Gone`,
    /// code `outputs_expired`, if the provider no longer keeps them.
    pub(crate) async fn copy_again(&self, task: Task) -> Result<Task> {
        let asked_at = self.unarchived(&task)?.asked_at;
        let is_under_way =
            |asked| self.context.now().since_ms(asked) < self.context.bounds.archive_again_ms;
        if asked_at.is_some_and(is_under_way) {
            return Ok(task);
        }
        if self.is_archive_off(&task).await? {
            let text = "outputs of this tenant are not archived; download them from the links";
            let refused = Error::new(Kind::Conflict, "nothing_to_archive", text);
            return Err(refused.retry(Retry::Never));
        }
        let span = task_span(&task);
        Ok(self
            .signal(
                task,
                Signal::ArchiveAsked {
                    last_asked_at: asked_at,
                },
            )
            .instrument(span)
            .await?
            .task())
    }

    async fn is_archive_off(&self, task: &Task) -> Result<bool> {
        let tenant = self.context.tenants().get_eventual(&task.tenant).await?;
        Ok(tenant.destination.archive == Archiving::Off)
    }

    fn unarchived<'a>(&self, task: &'a Task) -> Result<&'a Unarchived> {
        let unarchived = task
            .unarchived
            .as_ref()
            .filter(|unarchived| !unarchived.links.is_empty());
        let nothing =
            |text| Err(Error::new(Kind::Conflict, "nothing_to_archive", text).retry(Retry::Never));
        match (task.state, unarchived) {
            (State::Completed, Some(unarchived)) if unarchived.expires_at <= self.context.now() => {
                let expired = unarchived.expires_at.rfc3339();
                let text = format!(
                    "the provider has not kept these outputs since {expired}; submit the task again"
                );
                Err(Error::new(Kind::Gone, "outputs_expired", text))
            }
            (State::Completed, Some(unarchived)) => Ok(unarchived),
            (State::Completed, None) => {
                nothing("every output of this task is already in the bucket")
            }
            (state, _) if state.is_end() => {
                nothing("this task ended without outputs and was not charged")
            }
            _ => nothing("this task has not ended yet; its outputs are copied automatically"),
        }
    }
}
