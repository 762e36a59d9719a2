//! The events that are sent to endpoints.

use serde::{Deserialize, Serialize};

/// A type of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "task.completed")]
    TaskCompleted,
    /// Every end state except `completed`.
    #[serde(rename = "task.failed")]
    TaskFailed,
}

impl EventType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskCompleted => "task.completed",
            Self::TaskFailed => "task.failed",
        }
    }
}
