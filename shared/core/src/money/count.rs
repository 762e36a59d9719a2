//! Counting what the tasks of a month have used, for a budget that is set while they run.
//!
//! A count begins in the account before the tasks are read, and the budget is written after. What is held and settled between the
//! two is added to the count by the same write that holds or settles it, and such a task remembers that it was; so each task is
//! found once, whenever it is read.

use serde::{Deserialize, Serialize};

use super::{Hold, MicroUsd, Month, Settlement};
use crate::id::AuditId;
use crate::task::Task;
use crate::time::Timestamp;

/// A count that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub id: CountId,
    /// Tasks that were submitted from then on count.
    pub since: Timestamp,
    /// What holds and ends have added since it began; below zero when more ended than began.
    pub held: MicroUsd,
    pub spent: MicroUsd,
}

/// Tells one count from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountId(pub u64);

impl CountId {
    /// Of the `n`th count of one change. The first half of an entry's id tells the time, the rest is random.
    pub fn of(entry: &AuditId, n: u32) -> Self {
        // 60 bits: no store's number is too small for it.
        let random = entry.as_str().get(17..).and_then(|rest| u64::from_str_radix(rest, 16).ok());
        Self(random.unwrap_or_default() + u64::from(n))
    }
}

/// What is to be counted before a budget can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountPlan {
    pub month: Month,
    /// Tasks that were submitted from then on count.
    pub since: Timestamp,
}

impl Count {
    pub(super) fn begun(id: CountId, plan: &CountPlan) -> Self {
        Self { id, since: plan.since, held: MicroUsd::ZERO, spent: MicroUsd::ZERO }
    }

    /// True for a task that counts.
    pub fn takes(&self, submitted_at: Timestamp) -> bool {
        submitted_at >= self.since
    }

    pub(super) fn settle(&mut self, settlement: Settlement) {
        let whole = settlement.capture.0.saturating_add(settlement.release.0);
        self.held = MicroUsd(self.held.0.saturating_sub(whole));
        self.spent = MicroUsd(self.spent.0.saturating_add(settlement.capture.0));
    }

    /// What a task that ends now is to remember.
    pub(super) fn remembered(&self, hold: Hold, submitted_at: Timestamp) -> Hold {
        if self.takes(submitted_at) && hold.began_in != Some(self.id) {
            return Hold { ended_in: Some(self.id), ..hold };
        }
        hold
    }
}

/// What the tasks held and had cost when a count began, as far as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub count: CountId,
    pub since: Timestamp,
    pub held: MicroUsd,
    pub spent: MicroUsd,
}

impl Tally {
    /// Nothing was read yet.
    pub fn of(count: &Count) -> Self {
        Self { count: count.id, since: count.since, held: MicroUsd::ZERO, spent: MicroUsd::ZERO }
    }

    /// Adds a task as it stands at any moment since the count began. One that began in it is in the count already; one that ended
    /// in it ran when it began.
    pub fn add(&mut self, task: &Task) {
        if task.created_at < self.since || task.hold.began_in == Some(self.count) {
            return;
        }
        if task.state.is_end() && task.hold.ended_in != Some(self.count) {
            self.spent = MicroUsd(self.spent.0.saturating_add(task.charged.0));
        } else {
            self.held = MicroUsd(self.held.0.saturating_add(task.price.0));
        }
    }
}
