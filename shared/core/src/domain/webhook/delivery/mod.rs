//! One event for one endpoint, with its attempts.

mod attempt;
mod query;
mod transition;
#[cfg(test)]
mod transition_table;

use serde::{Deserialize, Serialize};

pub use attempt::{Attempt, EXCERPT_BYTES_MAX, ErrorClass};
pub use query::{DeliveryCursor, DeliveryPage, DeliveryQuery};
pub use transition::{DeliverySignal, Next, Rejected, transition};

use super::EventType;
use crate::base::id::{DeliveryId, EndpointId, EventId, Subject, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Job};

/// How many attempts a delivery remembers.
pub const ATTEMPTS_KEPT: usize = 20;

/// One event on its way to one place. Only [`transition`] moves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    pub tenant: TenantId,
    pub id: DeliveryId,
    /// Counts the writes; a record is only written over the version it was made from.
    pub version: u64,
    /// The task that the event is about; `None` where the event is a record of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskId>,
    pub event: EventType,
    pub target: Target,
    pub state: DeliveryState,
    /// It waits to be read, and is never sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pull: bool,
    /// Counts the decisions about when to try. A job names the round that it was made for, and does
    /// nothing in another.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub round: u32,
    /// When it is tried next, while it is pending; `None` means at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// An attempt is under way, and over by then whatever becomes of its worker. Only attempts
    /// after the first are written down before they are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempting_until: Option<Timestamp>,
    /// The last [`ATTEMPTS_KEPT`], oldest first.
    pub attempts: Vec<Attempt>,
    /// How many attempts there were before those.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts_forgotten: u32,
    /// How many attempts were made before the last replay or release: the schedule begins anew
    /// there.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts_before: u32,
    /// When the event happened.
    pub created_at: Timestamp,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Where a delivery goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A registered endpoint: Standard Webhooks.
    Endpoint(EndpointId),
    /// The `?webhook=` of the submit: the provider's bare prediction and `v3` signature.
    TaskCallback,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its first or next attempt.
    Pending,
    /// The receiver answered 2xx, or the reader acknowledged it.
    Delivered,
    /// The schedule ran out.
    Exhausted,
    /// The endpoint is disabled; kept until it is released or replayed.
    Held,
    /// The tenant cancelled it or deleted its task, or its endpoint is gone.
    Cancelled,
}

impl DeliveryState {
    pub const ALL: [Self; 5] = [
        Self::Pending,
        Self::Delivered,
        Self::Exhausted,
        Self::Held,
        Self::Cancelled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Exhausted => "exhausted",
            Self::Held => "held",
            Self::Cancelled => "cancelled",
        }
    }

    /// True when its receiver went without it: what a recovery of the endpoint replays.
    pub fn is_missed(self) -> bool {
        matches!(self, Self::Exhausted | Self::Held)
    }
}

impl Delivery {
    /// An event that waits for its first attempt.
    pub fn new(
        tenant: TenantId,
        id: DeliveryId,
        event: EventType,
        target: Target,
        at: Timestamp,
    ) -> Self {
        Self {
            tenant,
            task: id.task(),
            id,
            version: 1,
            event,
            target,
            state: DeliveryState::Pending,
            pull: false,
            round: 0,
            next_at: None,
            attempting_until: None,
            attempts: Vec::new(),
            attempts_forgotten: 0,
            attempts_before: 0,
            created_at: at,
        }
    }

    /// The job of its next attempt, due when that is.
    pub fn job(&self, now: Timestamp) -> Delayed {
        Delayed {
            job: Job::Deliver {
                tenant: self.tenant.clone(),
                delivery: self.id.clone(),
                round: self.round,
            },
            after_ms: self.next_at.map_or(0, |at| at.since_ms(now)),
        }
    }

    /// The job of its next attempt, if it is to have one.
    pub fn next_job(&self, now: Timestamp) -> Option<Delayed> {
        let is_sent = self.state == DeliveryState::Pending && !self.pull;
        is_sent.then(|| self.job(now))
    }

    /// The `webhook-id`: the same for every attempt, endpoint and replay, so that receivers can
    /// deduplicate.
    pub fn event_id(&self) -> EventId {
        match self.id.subject() {
            Subject::Task(task) => self.event.id_of(&task),
            Subject::Notice(event) => event,
        }
    }

    /// How many attempts were made in all.
    pub fn attempts_made(&self) -> u32 {
        let listed = u32::try_from(self.attempts.len()).unwrap_or(u32::MAX);
        self.attempts_forgotten.saturating_add(listed)
    }

    /// How many attempts of the present schedule were made.
    pub fn attempts_of_schedule(&self) -> usize {
        self.attempts_made().saturating_sub(self.attempts_before) as usize
    }

    /// True while a worker may be sending it.
    pub fn is_attempting(&self, now: Timestamp) -> bool {
        self.attempting_until.is_some_and(|until| until > now)
    }
}
