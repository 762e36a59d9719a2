//! Held submits whose client hung up, and asks again.
//!
//! The provider's JavaScript SDK before 0.3, which its command line 0.2 has built in, gives up on a
//! held submit after ten seconds and sends it again, up to five times; it sends no key. The second
//! request is then answered by the first one's task, instead of by another run that is paid.

use std::time::{Duration, Instant};

use fluxgate_core::digest::Sha256;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::Task;
use fluxgate_core::{Kind, Result};
use quick_cache::sync::Cache;

use crate::state::Edge;

/// How long a client that hung up is expected to ask again: its pauses are seconds.
const EXPECTED: Duration = Duration::from_secs(60);

/// More clients than this hang up within that time only by attack; the oldest are forgotten.
const SUBMITS_MAX: usize = 10_000;

/// Whose submit, and the digest of all that it asks for.
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
    /// To be [`Held::answered`]; dropped before that, its client has hung up.
    pub(crate) fn hold(&self, submit: SubmitId) -> Held<'_> {
        let before = self.0.remove(&submit);
        let task = before.and_then(|(_, (task, at))| (at.elapsed() < EXPECTED).then_some(task));
        Held {
            hung_up: self,
            submit,
            task,
        }
    }
}

/// A submit whose answer is held.
pub(crate) struct Held<'a> {
    hung_up: &'a HungUp,
    submit: SubmitId,
    task: Option<TaskId>,
}

impl Held<'_> {
    /// The task that an equal submit made whose client hung up a moment ago; only the first that
    /// asks is told.
    pub(crate) async fn task(&self, edge: &Edge) -> Result<Option<Task>> {
        let Some(id) = &self.task else {
            return Ok(None);
        };
        match edge.gateway.task(&self.submit.0, id).await {
            Ok(task) => Ok(Some(task)),
            // Deleted since.
            Err(error) if error.kind == Kind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn is_of(&mut self, task: &TaskId) {
        self.task = Some(task.clone());
    }

    pub(crate) fn answered(mut self) {
        self.task = None;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            let submit = self.submit.clone();
            self.hung_up.0.insert(submit, (task, Instant::now()));
        }
    }
}
