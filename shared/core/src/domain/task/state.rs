//! A task's state, and the provider's word for it.

use serde::{Deserialize, Serialize};

use crate::domain::webhook::EventType;

/// A task's state. Changed only by [`super::transition`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Admitted, with its price held; nothing was sent to the provider yet, or what was sent was
    /// definitely not accepted.
    Admitted,
    /// A submit is in progress, or was interrupted by a crash.
    Submitting,
    /// A submit may or may not have started a paid run. It is never sent again.
    Unknown,
    /// The run exists at the provider.
    Submitted,
    /// The run has ended and its outputs are being copied.
    Archiving,
    Completed,
    Failed,
    Cancelled,
    Timeout,
}

impl State {
    pub const ALL: [Self; 9] = [
        Self::Admitted,
        Self::Submitting,
        Self::Unknown,
        Self::Submitted,
        Self::Archiving,
        Self::Completed,
        Self::Failed,
        Self::Cancelled,
        Self::Timeout,
    ];

    pub fn is_end(self) -> bool {
        matches!(
            self,
            Self::Completed | Self::Failed | Self::Cancelled | Self::Timeout
        )
    }

    /// The event for this end state; `None` while the task runs.
    pub fn event(self) -> Option<EventType> {
        match self {
            Self::Completed => Some(EventType::TaskCompleted),
            Self::Failed | Self::Timeout => Some(EventType::TaskFailed),
            Self::Cancelled => Some(EventType::TaskCancelled),
            _ => None,
        }
    }

    /// The status that tenants see. Provider clients keep polling on any status they do not know.
    pub fn status(self) -> &'static str {
        match self {
            Self::Admitted | Self::Submitting | Self::Unknown => "created",
            Self::Submitted | Self::Archiving => "processing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Submitting => "submitting",
            Self::Unknown => "unknown",
            Self::Submitted => "submitted",
            Self::Archiving => "archiving",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Timeout => "timeout",
        }
    }
}
