//! Cancels a task that still waits. What the provider has taken, or may have taken, cannot be
//! stopped.

use tracing::Instrument as _;

use super::Machine;
use crate::app::traced::task_span;
use crate::base::error::{Error, Kind, Result, Retry};
use crate::domain::task::{Signal, State, Task};

impl Machine {
    /// Ends a task that nothing was sent for. A task that is cancelled already stays so.
    ///
    /// Kind `Conflict`, code `task_sent`, for a task that the provider has, or may have, and code
    /// `task_ended` for one that is over.
    pub(crate) async fn cancel(&self, task: Task) -> Result<Task> {
        let span = task_span(&task);
        // A submit at the same moment changes the same version: one of the two is written.
        let task = self
            .signal(task, Signal::Cancel)
            .instrument(span)
            .await?
            .task();
        match task.state {
            State::Cancelled => Ok(task),
            state if state.is_end() => Err(ended(state)),
            _ => Err(sent()),
        }
    }
}

/// Of a task that is over.
pub(crate) fn ended(state: State) -> Error {
    let text = format!(
        "the task has ended as {}; there is nothing left to cancel",
        state.as_str()
    );
    Error::new(Kind::Conflict, "task_ended", text).retry(Retry::Never)
}

/// Of a task that can no longer be taken back.
fn sent() -> Error {
    let text = "the task was sent to the model's provider, which cannot stop it; it is charged if it completes";
    Error::new(Kind::Conflict, "task_sent", text).retry(Retry::Never)
}
