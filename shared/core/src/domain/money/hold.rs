//! What a task reserves in its tenant's account.

use serde::{Deserialize, Serialize};

use super::{CountId, MicroUsd};
use crate::base::time::Timestamp;

/// What a new task asks of its tenant's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTerms {
    pub price: MicroUsd,
    /// Maximum number of tasks in flight, including this one.
    pub tasks_in_flight_max: Option<u32>,
    pub at: Timestamp,
}

impl HoldTerms {
    /// True if the account has to record anything for the task.
    pub fn counts(&self) -> bool {
        self.price != MicroUsd::ZERO || self.tasks_in_flight_max.is_some()
    }
}

/// What the account records for a running task, besides the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hold {
    /// The price is on credit, not taken from the balance.
    #[serde(skip_serializing_if = "is_false")]
    pub on_credit: bool,
    /// The budget period that the task belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// The task counts as in flight. A task with a price of zero is counted only if there is a
    /// limit: otherwise it is not worth a write.
    #[serde(skip_serializing_if = "is_false")]
    pub counted: bool,
    /// The count that was in progress when the task started, and that includes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_in: Option<CountId>,
    /// The count that was in progress when the task ended, and that did not include its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_in: Option<CountId>,
    /// When the ledger has the hold, if that is not when the task was created: the account's day
    /// had begun later by another clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_at: Option<Timestamp>,
    /// When the ledger has its end, if that is not when the task ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl Hold {
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
