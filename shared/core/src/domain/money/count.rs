//! Counting what the tasks of a month have used, for a budget that is set while they run.
//!
//! A count begins in the account before the tasks are read, and the budget is written after. What
//! is held and settled between the two is added to the count by the same write that holds or
//! settles it, and such a task remembers that it was; so each task is found once, whenever it is
//! read.

use serde::{Deserialize, Serialize};

use super::{CountId, Hold, MicroUsd, Month, Settlement};
use crate::base::time::Timestamp;

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

/// What is to be counted before a budget can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountPlan {
    pub month: Month,
    /// Tasks that were submitted from then on count.
    pub since: Timestamp,
}

impl Count {
    pub(super) fn begun(id: CountId, plan: &CountPlan) -> Self {
        Self {
            id,
            since: plan.since,
            held: MicroUsd::ZERO,
            spent: MicroUsd::ZERO,
        }
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
            return Hold {
                ended_in: Some(self.id),
                ..hold
            };
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
        Self {
            count: count.id,
            since: count.since,
            held: MicroUsd::ZERO,
            spent: MicroUsd::ZERO,
        }
    }
}
