//! The provider's records of our runs.

use crate::base::id::RunId;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;

/// The provider's deduction for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The provider's own id of it.
    pub id: String,
    pub run: RunId,
    /// The provider's name for it.
    pub model: String,
    pub price: MicroUsd,
    pub created_at: Timestamp,
}

/// A run in the provider's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    pub run: RunId,
    /// The provider's name for it; empty if missing.
    pub model: String,
}
