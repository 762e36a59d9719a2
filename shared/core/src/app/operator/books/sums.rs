//! What the entries of a ledger, and tasks, come to.

use std::collections::BTreeMap;

use crate::domain::money::{EntryKind, LedgerEntry, MicroUsd};
use crate::domain::task::BookedTask;

/// Number and amount of the entries of each kind.
#[derive(Default)]
pub(super) struct Entered(BTreeMap<EntryKind, (u64, i128)>);

impl Entered {
    pub(super) fn add(&mut self, entry: &LedgerEntry) {
        let (count, amount) = self.0.entry(entry.kind).or_default();
        *count += 1;
        *amount += i128::from(entry.amount.0);
    }

    pub(super) fn amount(&self, kind: EntryKind) -> i128 {
        self.0.get(&kind).map_or(0, |(_, amount)| *amount)
    }

    pub(super) fn count(&self, kind: EntryKind) -> u64 {
        self.0.get(&kind).map_or(0, |(count, _)| *count)
    }

    /// What entries of these kinds do to the balance.
    pub(super) fn change(&self, of: impl Fn(EntryKind) -> bool) -> i128 {
        let kinds = self.0.iter().filter(|(kind, _)| of(**kind));
        kinds
            .map(|(kind, (_, amount))| i128::from(kind.change(MicroUsd(1)).0) * amount)
            .sum()
    }
}

/// What tasks are held, were charged and were given back.
#[derive(Default)]
pub(super) struct TaskSums {
    /// The price of those that run.
    pub(super) live: i128,
    pub(super) charged: i128,
    pub(super) refunded: i128,
}

impl TaskSums {
    pub(super) fn add(&mut self, task: &BookedTask) {
        if task.state.is_end() {
            self.charged += i128::from(task.charged.0);
        } else {
            self.live += i128::from(task.price.0);
        }
        self.refunded += i128::from(task.refunded().0);
    }
}
