//! When a run is asked for again, where no webhook tells of its end.

use std::sync::PoisonError;

use super::Watcher;
use crate::domain::provider::{ProviderRun, RunLengths, RunStatus, poll_after_ms};
use crate::domain::task::{State, Task};
use crate::port::Ids as _;

/// The part of a delay by which it may be shorter, so that tasks submitted together are not asked
/// for together.
const JITTER_PART: u64 = 5;

impl Watcher {
    /// The delay before the next poll, jittered; `None` for a task that something else moves on.
    pub(super) fn poll_delay_ms(&self, task: &Task) -> Option<u64> {
        if task.state != State::Submitted || self.sender.asks_for_webhooks() {
            return None;
        }
        let expected_ms = self.lengths(|lengths| lengths.expected_ms(&task.model));
        let age_ms = self.context.now().since_ms(task.since);
        let delay_ms = poll_after_ms(expected_ms, age_ms, self.context.bounds.watch);
        let shorter_ms = self.context.entropy.u64() % (delay_ms / JITTER_PART).max(1);
        Some(delay_ms - shorter_ms)
    }

    /// Remembers how long a completed run took: as long as the provider says, if that can be.
    pub(super) fn learn_length(&self, task: &Task, run: &ProviderRun) {
        if task.state != State::Submitted || run.status != RunStatus::Completed {
            return;
        }
        let seen_ms = self.context.now().since_ms(task.since);
        let told_ms = run
            .inference_ms
            .filter(|told_ms| (1..=seen_ms).contains(told_ms));
        self.lengths(|lengths| lengths.learn(&task.model, told_ms.unwrap_or(seen_ms)));
    }

    fn lengths<T>(&self, with: impl FnOnce(&mut RunLengths) -> T) -> T {
        with(&mut self.lengths.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
