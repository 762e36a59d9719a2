//! Lines that a timeline is to hold once, or only so often, however many would write them at once.

use super::Machine;
use crate::base::error::{Error, Reason, Result};
use crate::domain::task::{Step, Task};

/// How often a timeline is read again that grows meanwhile.
const ROUNDS_MAX: usize = 8;

impl Machine {
    /// Adds a line unless the timeline has enough of its kind. True when it was added.
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
                .note_over(&task.tenant, &task.id, timeline.len(), step)
                .await
            {
                Err(error) if error.is(Reason::VersionMoved) => {}
                noted => return noted.map(|()| true),
            }
        }
        Err(Error::unavailable(
            "contention",
            "the task's timeline keeps growing; try again",
        ))
    }
}
