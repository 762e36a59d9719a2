//! The usage of a window, by day and model.

use std::collections::BTreeMap;

use super::Window;
use crate::base::day::Day;
use crate::base::id::ModelId;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::domain::task::{State, Task};

/// Totals over some tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tasks that were created.
    pub requests: u64,
    /// Tasks that completed.
    pub completed: u64,
    /// Tasks that failed, were cancelled or timed out. They cost nothing.
    pub failed: u64,
    /// Amount captured.
    pub charged: MicroUsd,
    /// Of the completed tasks, those charged although the tenant's own side kept outputs out of its
    /// bucket.
    pub unarchived: u64,
}

impl Usage {
    pub(super) fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.completed += other.completed;
        self.failed += other.failed;
        // Cannot overflow: the account's own sum of the captures does not.
        self.charged = MicroUsd(self.charged.0.saturating_add(other.charged.0));
        self.unarchived += other.unarchived;
    }
}

/// The usage of one window.
#[derive(Debug, Default)]
pub struct UsageReport {
    pub(super) rows: BTreeMap<(Day, ModelId), Usage>,
    last_used: BTreeMap<ModelId, Timestamp>,
}

impl UsageReport {
    /// Adds the parts of a task that fall into the window.
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
        let last_used = self
            .last_used
            .entry(task.model.clone())
            .or_insert(task.created_at);
        *last_used = task.created_at.max(*last_used);
        self.rows
            .entry((Day::of(at), task.model.clone()))
            .or_default()
    }

    /// By day and model, oldest day first.
    pub fn rows(&self) -> &BTreeMap<(Day, ModelId), Usage> {
        &self.rows
    }

    /// When the model's newest task was created.
    pub fn last_used(&self, model: &ModelId) -> Option<Timestamp> {
        self.last_used.get(model).copied()
    }

    /// The overall total.
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
        assert!(
            !window.holds(Timestamp(day.last().0 + 1))
                && !window.holds(Timestamp(day.first().0 - 1))
        );
        let code = |from: Timestamp, until: Timestamp| {
            Window::of_days_at_most(1, from, until).unwrap_err().code
        };
        assert_eq!(code(day.last(), day.first()), "invalid_window");
        assert_eq!(code(day.minus(1).first(), day.last()), "window_too_long");
    }
}
