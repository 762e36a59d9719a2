//! The append-only ledger: one entry for each movement on an account.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use super::MicroUsd;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

/// The kind of movement.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    TopUp,
    Hold,
    /// Credit extended to a postpaid tenant for a capture.
    Credit,
    Capture,
    Release,
    /// Money that an operator added to correct an account.
    AdjustmentCredit,
    /// Money that an operator took off to correct an account.
    AdjustmentDebit,
    /// A capture given back, whole or in part.
    Refund,
    /// A top-up taken back, whole.
    Void,
}

impl EntryKind {
    pub const ALL: [Self; 9] = [
        Self::TopUp,
        Self::Hold,
        Self::Credit,
        Self::Capture,
        Self::Release,
        Self::AdjustmentCredit,
        Self::AdjustmentDebit,
        Self::Refund,
        Self::Void,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::TopUp => "top_up",
            Self::Hold => "hold",
            Self::Credit => "credit",
            Self::Capture => "capture",
            Self::Release => "release",
            Self::AdjustmentCredit => "adjustment_credit",
            Self::AdjustmentDebit => "adjustment_debit",
            Self::Refund => "refund",
            Self::Void => "void",
        }
    }

    /// Kind `Internal` for a word that no entry has.
    pub fn parse(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| {
                Error::internal(
                    "row_unreadable",
                    format!("the ledger holds an entry of unknown kind '{text}'"),
                )
            })
    }

    /// Whether an entry belongs to a task: its reference is the task's id.
    pub fn is_of_a_task(self) -> bool {
        matches!(
            self,
            Self::Hold | Self::Credit | Self::Capture | Self::Release | Self::Refund
        )
    }

    /// What an entry of this amount does to [`super::Account::balance`]. What is held, and what is
    /// lent, is not yet spent.
    pub fn change(self, amount: MicroUsd) -> MicroUsd {
        match self {
            Self::TopUp | Self::AdjustmentCredit | Self::Refund => amount,
            Self::Capture | Self::AdjustmentDebit | Self::Void => MicroUsd(-amount.0),
            Self::Hold | Self::Credit | Self::Release => MicroUsd::ZERO,
        }
    }

    /// What it does to the amount that running tasks hold.
    pub fn change_of_held(self, amount: MicroUsd) -> MicroUsd {
        match self {
            Self::Hold => amount,
            Self::Capture | Self::Release => MicroUsd(-amount.0),
            _ => MicroUsd::ZERO,
        }
    }
}

/// One movement. `(tenant, reference, kind)` is unique: a second entry of the same kind for the
/// same task cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub kind: EntryKind,
    /// The task's id, or the operator's reference for its own movements. A void has that of its
    /// top-up.
    pub reference: String,
    pub amount: MicroUsd,
    pub at: Timestamp,
    /// Why an operator made the movement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl LedgerEntry {
    pub fn position(&self) -> LedgerPosition {
        LedgerPosition {
            at: self.at,
            reference: self.reference.clone(),
            kind: self.kind,
        }
    }

    /// What it does to the balance.
    pub fn change(&self) -> MicroUsd {
        self.kind.change(self.amount)
    }
}

/// An entry with the balance after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerLine {
    pub entry: LedgerEntry,
    pub balance: MicroUsd,
}

/// The place of an entry: by time, then by reference and the kind's word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerPosition {
    pub at: Timestamp,
    pub reference: String,
    pub kind: EntryKind,
}

impl LedgerPosition {
    fn key(&self) -> (Timestamp, &str, &str) {
        (self.at, &self.reference, self.kind.as_str())
    }
}

impl Ord for LedgerPosition {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for LedgerPosition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Which entries of a tenant's ledger to read, oldest first.
#[derive(Debug, Clone)]
pub struct LedgerQuery {
    /// The first and the last moment of the entries.
    pub from: Timestamp,
    pub until: Timestamp,
    /// No task that was made earlier has an entry of its own in the window, other than a refund.
    pub made_from: Timestamp,
    /// Only what follows this entry.
    pub after: Option<LedgerPosition>,
    pub limit: usize,
}

impl LedgerQuery {
    /// True for an entry that is asked for.
    pub fn takes(&self, entry: &LedgerEntry) -> bool {
        (self.from..=self.until).contains(&entry.at)
            && self
                .after
                .as_ref()
                .is_none_or(|after| entry.position() > *after)
    }

    /// The moment from which entries can follow.
    pub fn starts(&self) -> Timestamp {
        self.after
            .as_ref()
            .map_or(self.from, |after| after.at.max(self.from))
    }
}
