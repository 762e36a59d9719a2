//! One step in a task's timeline.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// How a change of the run was learned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// From the answer to the submit.
    Submit,
    Webhook,
    Poll,
    /// From the provider's own task list.
    #[serde(alias = "reconcile")]
    Resolve,
}

impl Via {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Webhook => "webhook",
            Self::Poll => "poll",
            Self::Resolve => "resolve",
        }
    }
}

/// The step of a run that has ended with outputs.
pub const FINISHED: &str = "finished";

/// Notes are added to a timeline only below this number of steps. The steps of changes are few and
/// always fit.
pub const NOTED_STEPS_MAX: usize = 500;

/// One step of a task, returned by `/v1/tasks/{id}/timeline`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub at: Timestamp,
    /// Snake case: `admitted`, `submit_started`, `accepted`, `finished`, `archived`, `orphaned`, ….
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The name of the step that says which run came too late, or belonged to another task.
pub const ORPHANED: &str = "orphaned";

impl Step {
    pub fn new(at: Timestamp, name: &str) -> Self {
        Self {
            at,
            name: name.to_owned(),
            via: None,
            detail: None,
        }
    }

    #[must_use]
    pub fn via(mut self, via: Via) -> Self {
        self.via = Some(via);
        self
    }

    /// As it stays with a deleted task: details may quote what the task was about, but the run that
    /// one names is for the operator's books.
    #[must_use]
    pub fn erased(mut self) -> Self {
        self.detail = self.detail.filter(|_| self.name == ORPHANED);
        self
    }

    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
