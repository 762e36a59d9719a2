//! Adds a timeline step at most once, or at most a few times, even under concurrent writers.

use super::Machine;
use crate::base::error::{Error, Reason, Result};
use crate::domain::task::{Step, Task};

/// Maximum number of attempts while the timeline keeps growing.
const ROUNDS_MAX: usize = 8;

impl Machine {
    /// Adds a step unless the timeline has enough of its kind. True if it was added.
    pub(crate) async fn note_unless(
        &self,
        task: &Task,
        step: &Step,
        enough: impl Fn(&[Step]) -> bool + Send,
    ) -> Result<bool> {
        for _ in 0..ROUNDS_MAX {
            let timeline = self
                .context
                .tasks()
                .timeline(&task.tenant, &task.id)
                .await?;
            if enough(&timeline) {
                return Ok(false);
            }
            match self
                .context
                .tasks()
                .note_at_length(&task.tenant, &task.id, timeline.len(), step)
                .await
            {
                Err(error) if error.is(Reason::VersionMoved) => {}
                noted => return noted.map(|()| true),
            }
        }
        Err(Error::unavailable(
            "contention",
            "the task's timeline keeps changing; try again",
        ))
    }
}
