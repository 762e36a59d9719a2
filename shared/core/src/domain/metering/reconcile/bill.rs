//! What the provider tells of our runs.

use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;

/// What the provider deducted for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The provider's own name of it.
    pub id: String,
    pub run: RunId,
    /// As the provider names it.
    pub model: String,
    pub price: MicroUsd,
    pub created_at: Timestamp,
}

/// A run in the provider's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    pub run: RunId,
    /// As the provider names it; empty when it does not.
    pub model: String,
}
