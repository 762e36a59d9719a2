//! Sending an endpoint what it missed: page by page, by a job that sends itself on.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::domain::webhook::{DeliveryCursor, DeliveryState};

/// A recovery, under way or over. An endpoint has one at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovery {
    /// Counts the endpoint's recoveries; the job of another does nothing.
    pub number: u32,
    pub scope: RecoveryScope,
    /// Of events from then on; `None` means all that are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What is missed from then on is another recovery's, but for what was being written then.
    pub started_at: Timestamp,
    /// How far it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<DeliveryCursor>,
    /// Deliveries that are due again because of it.
    pub replayed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Timestamp>,
}

/// Which deliveries a recovery replays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecoveryScope {
    /// Those that were held while the endpoint was disabled.
    Held,
    /// Those that were held, and those whose attempts ran out.
    Missed,
}

impl RecoveryScope {
    pub fn states(self) -> &'static [DeliveryState] {
        match self {
            Self::Held => &[DeliveryState::Held],
            Self::Missed => &[DeliveryState::Held, DeliveryState::Exhausted],
        }
    }
}

impl Recovery {
    pub fn is_running(&self) -> bool {
        self.finished_at.is_none()
    }
}
