//! The days before an account's sums began, filled in once from its tasks and other entries.

use std::collections::BTreeMap;

use super::sums::{held_at, settled_at};
use super::{DayRow, Origin, Sums};
use crate::base::day::Day;
use crate::base::id::TaskId;
use crate::base::time::Timestamp;
use crate::domain::money::{LedgerEntry, MicroUsd, Month, Settlement, Zone};
use crate::domain::task::Task;

/// How far the fill of one account has got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayFill {
    /// Entries from this moment on are added up as they are written.
    pub since: Timestamp,
    /// The last task that was counted.
    pub after: Option<TaskId>,
    /// The entries that no task accounts for, all of them, before the first task is counted.
    pub others: Vec<LedgerEntry>,
}

/// What one page of tasks adds, to be written with the progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilledPage {
    /// The last task of the page, if there was one.
    pub after: Option<TaskId>,
    pub is_last: bool,
    pub rows: Vec<DayRow>,
}

/// A page adds to at most so many days, models and keys, so that it fits one transaction.
const ROWS_MAX: usize = 80;
/// A task begins on one day and ends on another.
const ROWS_OF_TASK: usize = 2;

impl DayFill {
    /// Counts the next page of tasks, oldest first, or as many as one transaction takes.
    pub fn page(&self, zone: &Zone, tasks: &[Task], is_last: bool) -> FilledPage {
        let mut rows = Rows {
            zone,
            since: self.since,
            sums: BTreeMap::new(),
        };
        for entry in &self.others {
            rows.add(entry.at, &Origin::default(), |_| Sums::of_entry(entry));
        }
        let (most, mut counted) = (rows.sums.len() + ROWS_MAX, 0);
        for task in tasks {
            if rows.sums.len() + ROWS_OF_TASK > most {
                break;
            }
            rows.add_task(task);
            counted += 1;
        }
        let last = tasks[..counted].last().map(|task| task.id.clone());
        FilledPage {
            after: last.or_else(|| self.after.clone()),
            is_last: is_last && counted == tasks.len(),
            rows: rows.into_rows(),
        }
    }
}

struct Rows<'a> {
    zone: &'a Zone,
    since: Timestamp,
    sums: BTreeMap<(Day, Origin), Sums>,
}

impl Rows<'_> {
    fn add_task(&mut self, task: &Task) {
        let origin = Origin::of(task);
        self.add(held_at(task), &origin, |_| Sums::of_hold(task.price));
        if task.state.is_end() {
            let settlement = Settlement {
                capture: task.charged,
                release: MicroUsd(task.price.0 - task.charged.0),
            };
            self.add(settled_at(task), &origin, |month_from| {
                Sums::of_end(task, settlement, month_from)
            });
        }
    }

    /// Leaves out what was added up as it was written.
    fn add(&mut self, at: Timestamp, origin: &Origin, sums: impl FnOnce(Timestamp) -> Sums) {
        if at >= self.since {
            return;
        }
        let day = self.zone.day_at(at);
        let sums = sums(self.zone.begins(Month::of_day(day)));
        let row = self.sums.entry((day, origin.clone())).or_default();
        row.add(&sums);
    }

    fn into_rows(self) -> Vec<DayRow> {
        let rows = self.sums.into_iter();
        rows.map(|((day, origin), sums)| DayRow {
            day,
            origin,
            sums,
            is_filled: true,
        })
        .collect()
    }
}
