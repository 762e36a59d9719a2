//! What the ledger says of tasks that were kept long enough and removed: nothing else is left of
//! them, so it is taken as it is.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::id::TaskId;
use crate::domain::money::{EntryKind, MicroUsd};
use crate::port::BooksPart;

/// The sums of the removed tasks.
#[derive(Default)]
pub(super) struct Removed {
    /// Tasks up to this one may have been removed.
    to: Option<TaskId>,
    /// Refunds of tasks up to there that were not met as tasks.
    refunds: BTreeMap<String, MicroUsd>,
    /// What was lent for them, and what of that was given back.
    pub(super) lent: i128,
    pub(super) repaid: i128,
}

impl Removed {
    pub(super) fn to(to: Option<TaskId>) -> Self {
        Self {
            to,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, part: &BooksPart) {
        if self.to.is_none() {
            return;
        }
        for entry in &part.entries {
            if entry.kind == EntryKind::Refund && self.may_hold(&entry.reference) {
                self.refunds.insert(entry.reference.clone(), entry.amount);
            }
        }
        let there: BTreeSet<&str> = part.tasks.iter().map(|task| task.id.as_str()).collect();
        for task in &there {
            self.refunds.remove(*task);
        }
        for entry in &part.entries {
            let reference = entry.reference.as_str();
            if entry.kind == EntryKind::Credit
                && !there.contains(reference)
                && self.may_hold(reference)
            {
                let refund = self.refunds.get(reference);
                self.lent += i128::from(entry.amount.0);
                self.repaid += refund.map_or(0, |refund| i128::from(refund.0));
            }
        }
    }

    pub(super) fn refunded(&self) -> i128 {
        self.refunds
            .values()
            .map(|refund| i128::from(refund.0))
            .sum()
    }

    /// True for the id of a task that was removed, unless it is still there.
    pub(super) fn may_hold(&self, reference: &str) -> bool {
        let id = || TaskId::parse(reference).ok();
        let to = self.to.as_ref();
        to.is_some_and(|to| id().is_some_and(|id| id <= *to))
    }
}
