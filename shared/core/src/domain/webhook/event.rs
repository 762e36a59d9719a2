//! What is told.

use serde::{Deserialize, Serialize};

/// A fact worth telling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    #[serde(rename = "task.completed")]
    TaskCompleted,
    /// Every end but completion.
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
