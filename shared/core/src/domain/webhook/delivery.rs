//! The delivery of one event to one target, with its attempts.

use serde::{Deserialize, Serialize};

use super::EventType;
use crate::base::id::{DeliveryId, EndpointId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::Job;

/// One event on its way to one target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub tenant: TenantId,
    pub id: DeliveryId,
    /// Incremented by each write; a record is written only over the version it was based on.
    pub version: u64,
    pub task: TaskId,
    pub event: EventType,
    pub target: Target,
    pub state: DeliveryState,
    pub attempts: Vec<Attempt>,
    pub created_at: Timestamp,
}

/// Where a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A registered endpoint: Standard Webhooks.
    Endpoint(EndpointId),
    /// The `?webhook=` of the submit: the provider's bare prediction and `v3` signature.
    TaskCallback,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// The schedule ran out.
    Exhausted,
    /// The endpoint is disabled; kept for a replay.
    Held,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Held => "held",
        }
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub at: Timestamp,
    pub duration_ms: u64,
    /// The HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why there was no answer, or why the status is not a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Delivery {
    /// The job that sends it.
    pub fn job(&self) -> Job {
        Job::Deliver {
            tenant: self.tenant.clone(),
            delivery: self.id.clone(),
        }
    }

    /// The `webhook-id`: the same for every attempt and endpoint, so that receivers can
    /// deduplicate.
    pub fn message_id(&self) -> String {
        format!("evt_{}", self.task)
    }

    /// The delivery after one more attempt.
    #[must_use]
    pub fn attempted(&self, attempt: Attempt, state: DeliveryState) -> Self {
        let mut next = self.clone();
        next.version += 1;
        next.attempts.push(attempt);
        next.state = state;
        next
    }

    /// The delivery in another state, without an attempt.
    #[must_use]
    pub fn moved(&self, state: DeliveryState) -> Self {
        Self {
            version: self.version + 1,
            state,
            ..self.clone()
        }
    }
}
