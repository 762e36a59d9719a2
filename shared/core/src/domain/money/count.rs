//! Counts what the tasks of a month have used, for a budget set while they run.
//!
//! The count is started in the account before the tasks are read, and the budget is written after.
//! Anything held or settled in between is added to the count by the same write, and the task
//! remembers that; so each task is counted exactly once, whenever it is read.

use serde::{Deserialize, Serialize};

use super::{CountId, Hold, MicroUsd, Month, Settlement};
use crate::base::time::Timestamp;

/// A count in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    pub id: CountId,
    /// Tasks submitted from this moment on count.
    pub since: Timestamp,
    /// Change in holds since the count started; negative if more ended than started.
    pub held: MicroUsd,
    pub spent: MicroUsd,
}

/// What to count before a budget can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountPlan {
    pub month: Month,
    /// Tasks submitted from this moment on count.
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

    /// The hold that an ending task must remember.
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

/// What the tasks read so far held and had cost when the count started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub count: CountId,
    pub since: Timestamp,
    pub held: MicroUsd,
    pub spent: MicroUsd,
}

impl Tally {
    /// Empty: nothing read yet.
    pub fn of(count: &Count) -> Self {
        Self {
            count: count.id,
            since: count.since,
            held: MicroUsd::ZERO,
            spent: MicroUsd::ZERO,
        }
    }
}
