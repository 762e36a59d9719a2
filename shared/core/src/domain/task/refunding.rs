//! The refund of a completed task: of what it was charged, whole or in part, once.

use super::change::Change;
use super::moves::{change, duplicate, only_from, rejected};
use super::signal::{Rejected, Rejection};
use super::state::State;
use super::step::Step;
use super::{Refund, Task};
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;

impl Task {
    /// What its tenant got back of the charge; zero without a refund.
    pub fn refunded(&self) -> MicroUsd {
        self.refund
            .as_ref()
            .map_or(MicroUsd::ZERO, |refund| refund.amount)
    }

    /// What it has cost its tenant in the end.
    pub fn paid(&self) -> MicroUsd {
        MicroUsd(self.charged.0 - self.refunded().0)
    }
}

/// The state and its time stay. The same refund again is a duplicate.
pub(super) fn refunded(task: &Task, refund: Refund, now: Timestamp) -> Result<Change, Rejected> {
    only_from(task, &[State::Completed])?;
    let amount = refund.amount;
    match &task.refund {
        Some(first) if first.amount == amount && first.reference == refund.reference => {
            return Ok(duplicate(task));
        }
        Some(_) => return Err(rejected(task, Rejection::NotNow)),
        None if amount <= MicroUsd::ZERO || amount > task.charged => {
            return Err(rejected(task, Rejection::NotNow));
        }
        None => {}
    }
    let next = Task {
        version: task.version + 1,
        refund: Some(refund),
        ..task.clone()
    };
    let step = Step::new(now, "refunded").detail(amount.to_string());
    Ok(change(next, step))
}
