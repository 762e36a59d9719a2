//! The usage of a window, by day, model and key.

use std::collections::BTreeMap;

use super::Window;
use crate::base::day::Day;
use crate::base::id::{KeyId, ModelId};
use crate::domain::metering::day_sums::{AccountDays, Sums};
use crate::domain::money::{EntryKind, MicroUsd, Zone};
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
    /// Amount given back, on the day of the refund.
    pub refunded: MicroUsd,
    /// Of the completed tasks, those charged although the tenant's own side kept outputs out of its
    /// bucket.
    pub unarchived: u64,
}

impl Usage {
    pub(crate) fn of(sums: &Sums) -> Self {
        Self {
            requests: sums.requests,
            completed: sums.completed,
            failed: sums.failed,
            charged: sums.amount(EntryKind::Capture),
            refunded: sums.amount(EntryKind::Refund),
            unarchived: sums.unarchived,
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.completed += other.completed;
        self.failed += other.failed;
        // Cannot overflow: the account's own sum of the captures does not.
        self.charged = MicroUsd(self.charged.0.saturating_add(other.charged.0));
        self.refunded = MicroUsd(self.refunded.0.saturating_add(other.refunded.0));
        self.unarchived += other.unarchived;
    }
}

/// Which tasks a row of usage is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UsageRow {
    /// In the account's time zone.
    pub day: Day,
    pub model: ModelId,
    pub key: Option<KeyId>,
}

/// The usage of one window.
#[derive(Debug, Default)]
pub struct UsageReport {
    pub(super) rows: BTreeMap<UsageRow, Usage>,
}

impl UsageReport {
    /// The usage in the daily sums; of one model if it is named.
    pub(crate) fn of_days(days: &AccountDays, model: Option<&str>) -> Self {
        let mut report = Self::default();
        for row in &days.rows {
            let (Some(of), usage) = (&row.origin.model, Usage::of(&row.sums)) else {
                continue;
            };
            if usage == Usage::default() || model.is_some_and(|model| model != of.as_str()) {
                continue;
            }
            let row = UsageRow {
                day: row.day,
                model: of.clone(),
                key: row.origin.key.clone(),
            };
            report.rows.entry(row).or_default().add(&usage);
        }
        report
    }

    /// Adds the parts of a task that fall into the window, on their days in this zone.
    pub(crate) fn count(&mut self, task: &Task, window: &Window, zone: &Zone) {
        if window.holds(task.created_at) {
            self.row(task, zone.day_at(task.created_at)).requests += 1;
        }
        if task.state.is_end() && window.holds(task.since) {
            let completed = task.state == State::Completed;
            let end = Usage {
                requests: 0,
                completed: completed.into(),
                failed: (!completed).into(),
                charged: task.charged,
                refunded: MicroUsd::ZERO,
                unarchived: task.unarchived.is_some().into(),
            };
            self.row(task, zone.day_at(task.since)).add(&end);
        }
        self.count_refund(task, window, zone);
    }

    /// A refund counts on its own day. One that was made after the life of its task is not seen
    /// here: the daily sums have it.
    fn count_refund(&mut self, task: &Task, window: &Window, zone: &Zone) {
        let refund = task.refund.as_ref();
        if let Some(refund) = refund.filter(|refund| window.holds(refund.at)) {
            let refunded = Usage {
                refunded: refund.amount,
                ..Usage::default()
            };
            self.row(task, zone.day_at(refund.at)).add(&refunded);
        }
    }

    fn row(&mut self, task: &Task, day: Day) -> &mut Usage {
        let row = UsageRow {
            day,
            model: task.model.clone(),
            key: task.key.clone(),
        };
        self.rows.entry(row).or_default()
    }

    /// The last day on which the model was asked for.
    pub fn last_used(&self, model: &ModelId) -> Option<Day> {
        let rows = self.rows.iter().rev();
        let mut used = rows.filter(|(row, usage)| row.model == *model && usage.requests > 0);
        used.next().map(|(row, _)| row.day)
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
    use crate::base::time::Timestamp;

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
