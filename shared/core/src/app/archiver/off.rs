//! Tenants whose outputs stay at the provider.

use super::Archiver;
use crate::base::error::Result;
use crate::domain::task::{Failure, Signal, State, Task};

impl Archiver {
    /// The run was made, so the task completes and is charged. A task that completed before has its
    /// links already.
    pub(super) async fn leave_at_provider(&self, task: Task) -> Result<()> {
        if task.state != State::Archiving {
            return Ok(());
        }
        let expires_at = task.since.plus_ms(self.context.bounds.outputs_kept_ms);
        let text = "outputs are not archived for this tenant; download them from the links";
        let fault = Failure::new(5000, "archive_off", text);
        let signal = Signal::ArchiveAbandoned { fault, expires_at };
        self.machine.signal(task, signal).await.map(drop)
    }
}
