//! What is added up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::id::{KeyId, ModelId};
use crate::base::time::Timestamp;
use crate::domain::money::{EntryKind, LedgerEntry, MicroUsd, Settlement};
use crate::domain::task::{State, Task};

/// What entries come from: the runs of a model by a key. Neither for what operators enter.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}

impl Origin {
    pub fn of(task: &Task) -> Self {
        Self {
            model: Some(task.model.clone()),
            key: task.key.clone(),
        }
    }
}

/// Numbers of tasks, and amounts by the kind of their ledger entries. A request and its hold count
/// on the day of the submit; an end and what it moves on the day of the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sums {
    /// Tasks that were submitted.
    #[serde(skip_serializing_if = "is_zero")]
    pub requests: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub completed: u64,
    /// Tasks that failed, were cancelled or timed out.
    #[serde(skip_serializing_if = "is_zero")]
    pub failed: u64,
    /// Of the completed tasks, those charged although the tenant's own side kept outputs out of its
    /// bucket.
    #[serde(skip_serializing_if = "is_zero")]
    pub unarchived: u64,
    /// Of the captures, those for tasks that were submitted in an earlier month.
    #[serde(skip_serializing_if = "is_nothing")]
    pub earlier: MicroUsd,
    /// Kinds with an amount of zero are left out.
    pub moved: BTreeMap<EntryKind, MicroUsd>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_nothing(amount: &MicroUsd) -> bool {
    *amount == MicroUsd::ZERO
}

impl Sums {
    pub fn of_hold(price: MicroUsd) -> Self {
        let requests = 1;
        Self {
            requests,
            ..Self::of([(EntryKind::Hold, price)])
        }
    }

    /// The end of a task. Its month began at `month_from`.
    pub fn of_end(task: &Task, settlement: Settlement, month_from: Timestamp) -> Self {
        let Settlement { capture, release } = settlement;
        let completed = task.state == State::Completed;
        let lent = if task.hold.on_credit {
            capture
        } else {
            MicroUsd::ZERO
        };
        let moved = [
            (EntryKind::Credit, lent),
            (EntryKind::Capture, capture),
            (EntryKind::Release, release),
        ];
        Self {
            completed: completed.into(),
            failed: (!completed).into(),
            unarchived: (completed && task.unarchived.is_some()).into(),
            earlier: if held_at(task) < month_from {
                capture
            } else {
                MicroUsd::ZERO
            },
            ..Self::of(moved)
        }
    }

    pub fn of_entry(entry: &LedgerEntry) -> Self {
        Self::of([(entry.kind, entry.amount)])
    }

    fn of<const N: usize>(moved: [(EntryKind, MicroUsd); N]) -> Self {
        Self {
            moved: moved
                .into_iter()
                .filter(|(_, amount)| *amount != MicroUsd::ZERO)
                .collect(),
            ..Self::default()
        }
    }

    pub fn amount(&self, kind: EntryKind) -> MicroUsd {
        self.moved.get(&kind).copied().unwrap_or_default()
    }

    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.completed += other.completed;
        self.failed += other.failed;
        self.unarchived += other.unarchived;
        // Cannot overflow: the account's own sums do not.
        self.earlier = MicroUsd(self.earlier.0.saturating_add(other.earlier.0));
        for (kind, amount) in &other.moved {
            let sum = self.moved.entry(*kind).or_default();
            *sum = MicroUsd(sum.0.saturating_add(amount.0));
        }
    }

    /// What the entries come to, each as much as `change` says.
    pub(super) fn total(&self, change: fn(EntryKind, MicroUsd) -> MicroUsd) -> i64 {
        let moved = self.moved.iter();
        moved.map(|(kind, amount)| change(*kind, *amount).0).sum()
    }
}

/// When the ledger has the task's hold.
pub(super) fn held_at(task: &Task) -> Timestamp {
    task.hold.held_at.unwrap_or(task.created_at)
}

/// When the ledger has the end of its hold.
pub(super) fn settled_at(task: &Task) -> Timestamp {
    task.hold.settled_at.unwrap_or(task.since)
}
