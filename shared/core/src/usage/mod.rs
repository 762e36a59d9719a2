//! What a tenant used: runs and charges, by day and by model. A request counts on the day it was made; an end, and what it
//! charged, on the day of the end, as in the ledger. Days are UTC. And what of it is exported: an event for each charge.

mod csv;
pub(crate) mod cursor;
mod days;
mod event;
mod grouping;

pub use csv::csv;
pub(crate) use cursor::Look;
pub use cursor::UsageCursor;
pub use days::Days;
pub(crate) use event::line;
pub use event::{EVENT_TYPE, LINE_START};
pub use grouping::{Grouping, UsageGroup};

use std::collections::BTreeMap;

use crate::day::Day;
use crate::error::{Error, Result};
use crate::id::ModelId;
use crate::money::MicroUsd;
use crate::task::{State, Task};
use crate::time::Timestamp;

/// Two moments and what lies between; both belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Window {
    /// Fails with kind `Invalid` when it ends before it begins, or is longer than this many days.
    pub fn of_days_at_most(days_max: u32, from: Timestamp, until: Timestamp) -> Result<Self> {
        if until < from {
            return Err(Error::invalid("invalid_window", "the window ends before it begins"));
        }
        if until.since_ms(from) > u64::from(days_max) * 86_400_000 {
            let text = format!("the window is longer than {days_max} days; ask for less at once");
            return Err(Error::invalid("window_too_long", text));
        }
        Ok(Self { from, until })
    }

    pub fn holds(&self, moment: Timestamp) -> bool {
        (self.from..=self.until).contains(&moment)
    }
}

/// What some tasks came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tasks that were asked for.
    pub requests: u64,
    /// Tasks that ended well.
    pub completed: u64,
    /// Tasks that ended otherwise: failed, cancelled or timed out. They cost nothing.
    pub failed: u64,
    /// What was captured.
    pub charged: MicroUsd,
    /// Of those that ended well, the ones that were charged although the tenant's own side kept outputs out of its bucket.
    pub unarchived: u64,
}

impl Usage {
    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.completed += other.completed;
        self.failed += other.failed;
        // Every captured amount fits the account's own sum of them.
        self.charged = MicroUsd(self.charged.0.saturating_add(other.charged.0));
        self.unarchived += other.unarchived;
    }
}

/// The usage of one window.
#[derive(Debug, Default)]
pub struct UsageReport {
    rows: BTreeMap<(Day, ModelId), Usage>,
    last_used: BTreeMap<ModelId, Timestamp>,
}

impl UsageReport {
    /// Adds what of a task lies in the window.
    pub(crate) fn count(&mut self, task: &Task, window: &Window) {
        if window.holds(task.created_at) {
            self.row(task, task.created_at).requests += 1;
        }
        if task.state.is_end() && window.holds(task.since) {
            let completed = task.state == State::Completed;
            let end = Usage {
                requests: 0,
                completed: completed.into(),
                failed: (!completed).into(),
                charged: task.charged,
                unarchived: task.unarchived.is_some().into(),
            };
            self.row(task, task.since).add(&end);
        }
    }

    fn row(&mut self, task: &Task, at: Timestamp) -> &mut Usage {
        let last_used = self.last_used.entry(task.model.clone()).or_insert(task.created_at);
        *last_used = task.created_at.max(*last_used);
        self.rows.entry((Day::of(at), task.model.clone())).or_default()
    }

    /// By day and model, the oldest day first.
    pub fn rows(&self) -> &BTreeMap<(Day, ModelId), Usage> {
        &self.rows
    }

    /// When the youngest of a model's tasks was made.
    pub fn last_used(&self, model: &ModelId) -> Option<Timestamp> {
        self.last_used.get(model).copied()
    }

    /// The sum of all.
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.rows.values().for_each(|usage| total.add(usage));
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_holds_its_edges_and_is_bounded() {
        let day = Day::parse("2026-11-22").unwrap();
        let window = Window::of_days_at_most(1, day.first(), day.last()).unwrap();

        assert!(window.holds(day.first()) && window.holds(day.last()));
        assert!(!window.holds(Timestamp(day.last().0 + 1)) && !window.holds(Timestamp(day.first().0 - 1)));
        let code = |from: Timestamp, until: Timestamp| Window::of_days_at_most(1, from, until).unwrap_err().code;
        assert_eq!(code(day.last(), day.first()), "invalid_window");
        assert_eq!(code(day.minus(1).first(), day.last()), "window_too_long");
    }
}
