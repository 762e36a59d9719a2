//! What a task reserves of its tenant's account.

use serde::{Deserialize, Serialize};

use super::{CountId, MicroUsd};
use crate::base::time::Timestamp;

/// What a new task asks of its tenant's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldTerms {
    pub price: MicroUsd,
    /// How many tasks may be under way, this one included.
    pub tasks_in_flight_max: Option<u32>,
    pub at: Timestamp,
}

impl HoldTerms {
    /// True when the account keeps anything for the task.
    pub fn counts(&self) -> bool {
        self.price != MicroUsd::ZERO || self.tasks_in_flight_max.is_some()
    }
}

/// What the account keeps for a task until it is over, beside the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hold {
    /// The price is lent, not taken from the balance.
    #[serde(skip_serializing_if = "is_false")]
    pub on_credit: bool,
    /// The period of the budget that the task belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// The task is one of those in flight. One without a price is only counted when there was a
    /// limit: it is not worth a write.
    #[serde(skip_serializing_if = "is_false")]
    pub counted: bool,
    /// The count of the month's tasks that was under way when the task began, and has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began_in: Option<CountId>,
    /// The count that was under way when the task ended, and had not seen it begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_in: Option<CountId>,
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
