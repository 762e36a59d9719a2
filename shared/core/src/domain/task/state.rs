//! Where a task stands, and the provider's word for it.

use serde::{Deserialize, Serialize};

use crate::domain::webhook::EventType;

/// Where a task stands. Only [`super::transition`] moves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Accepted and paid for by a hold; nothing was sent to the provider, or what was sent was
    /// surely not taken.
    Admitted,
    /// A submit is on its way, or a crash cut it off.
    Submitting,
    /// A submit may or may not have made a paid run. It is never sent again.
    Unknown,
    /// The run exists at the provider.
    Submitted,
    /// The run is over and its outputs are being copied.
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

    /// The event that this end is; `None` while the task runs.
    pub fn event(self) -> Option<EventType> {
        match self {
            Self::Completed => Some(EventType::TaskCompleted),
            Self::Failed | Self::Cancelled | Self::Timeout => Some(EventType::TaskFailed),
            _ => None,
        }
    }

    /// The word tenants see. Provider clients poll for ever on any other.
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
