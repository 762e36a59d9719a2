//! Held submits whose client hung up, and asks again.
//!
//! The provider's JavaScript SDK before 0.3, which its command line 0.2 has built in, gives up on a
//! held submit after ten seconds and sends it again, up to five times; it sends no key. The second
//! request is then answered by the first one's task, instead of by another run that is paid.

use std::time::{Duration, Instant};

use fluxgate_core::digest::Sha256;
use fluxgate_core::id::{TaskId, TenantId};
use quick_cache::sync::Cache;

/// How long a client that hung up is expected to ask again: its pauses are seconds.
const EXPECTED: Duration = Duration::from_secs(60);

/// More clients than this hang up within that time only by attack; the oldest are forgotten.
const SUBMITS_MAX: usize = 10_000;

/// Whose submit, and the digest of all that it asked for.
pub(crate) type SubmitId = (TenantId, Sha256);

/// The tasks of such submits. Of this process alone: another one, or a function, which is not told
/// that its client hung up, makes a new task.
pub struct HungUp(Cache<SubmitId, (TaskId, Instant)>);

impl Default for HungUp {
    fn default() -> Self {
        Self(Cache::new(SUBMITS_MAX))
    }
}

impl HungUp {
    /// The task that an equal submit made whose client hung up a moment ago. It is told once.
    pub(crate) fn take(&self, submit: &SubmitId) -> Option<TaskId> {
        let (_, (task, at)) = self.0.remove(submit)?;
        (at.elapsed() < EXPECTED).then_some(task)
    }

    /// To be [`Held::answered`]; dropped before that, its client has hung up.
    pub(crate) fn held(&self, submit: SubmitId, task: TaskId) -> Held<'_> {
        Held {
            hung_up: self,
            of: Some((submit, task)),
        }
    }
}

/// A submit whose answer is held.
pub(crate) struct Held<'a> {
    hung_up: &'a HungUp,
    of: Option<(SubmitId, TaskId)>,
}

impl Held<'_> {
    pub(crate) fn answered(mut self) {
        self.of = None;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some((submit, task)) = self.of.take() {
            self.hung_up.0.insert(submit, (task, Instant::now()));
        }
    }
}
