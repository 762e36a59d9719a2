//! What a task's tenant got back of its charge.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;
use crate::domain::money::{CountId, MicroUsd};

/// What a task's tenant got back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    pub amount: MicroUsd,
    /// The operator's.
    pub reference: String,
    pub at: Timestamp,
    /// The count that was in progress at the refund, and that includes it: the store writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_in: Option<CountId>,
}

impl Refund {
    pub fn new(amount: MicroUsd, reference: &str, at: Timestamp) -> Self {
        Self {
            amount,
            reference: reference.to_owned(),
            at,
            counted_in: None,
        }
    }
}
