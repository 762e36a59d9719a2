//! What is kept of the inputs of a task that did not complete, so that it can be retried.

use super::{State, Task};
use crate::base::time::Timestamp;

/// Nobody pays for their storage: larger ones, such as embedded pictures, go with the task's end.
pub const RETRY_INPUTS_BYTES_MAX: usize = 64 * 1024;
/// As long as the provider keeps what a run was made of.
pub const RETRY_INPUTS_KEPT_MS: u64 = 7 * 86_400_000;

impl Task {
    /// When its inputs are dropped; `None` for a task that runs, or that completed.
    pub fn inputs_expire_at(&self) -> Option<Timestamp> {
        let is_unpaid = self.state.is_end() && self.state != State::Completed;
        is_unpaid.then(|| self.since.plus_ms(RETRY_INPUTS_KEPT_MS))
    }
}
