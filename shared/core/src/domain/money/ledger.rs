//! The append-only ledger: one entry for each movement on an account.

use serde::{Deserialize, Serialize};

use super::MicroUsd;
use crate::base::time::Timestamp;

/// The kind of movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    TopUp,
    Hold,
    /// Credit extended to a postpaid tenant for a capture.
    Credit,
    Capture,
    Release,
}

impl EntryKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Hold => "hold",
            Self::Credit => "credit",
            Self::Capture => "capture",
            Self::Release => "release",
        }
    }
}

/// One movement. `(tenant, reference, kind)` is unique: a second entry of the same kind for the
/// same task cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub kind: EntryKind,
    /// The task's id, or the operator's reference for a top-up.
    pub reference: String,
    pub amount: MicroUsd,
    pub at: Timestamp,
}
