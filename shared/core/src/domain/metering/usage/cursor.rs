//! The cursor of a tenant's usage export. Pure: decides what to export from a page of tasks.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::is_charged;
use crate::base::id::TaskId;
use crate::domain::task::Task;

/// Maximum number of running tasks that a cursor remembers. Beyond that the export waits for some
/// to end.
const OPEN_MAX: usize = 2_000;
/// Maximum number of exported tasks that a cursor remembers because older ones may still appear.
/// Beyond that the export waits.
const TOLD_MAX: usize = 2_000;

/// The cursor of one tenant's usage export to one place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCursor {
    /// Incremented by each save. Version 0 is the beginning and is never stored.
    pub version: u64,
    /// All tasks up to this one were processed: those that were charged are exported, except for
    /// those in `open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<TaskId>,
    /// Tasks up to `through` that had not ended.
    #[serde(default)]
    pub open: BTreeSet<TaskId>,
    /// Tasks after `through` that are already exported.
    #[serde(default)]
    pub told: BTreeSet<TaskId>,
}

/// The result of looking at some tasks.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    /// To be told, in order.
    pub(crate) tell: Vec<&'a Task>,
    /// The cursor once they are exported.
    pub(crate) cursor: UsageCursor,
    /// The export cannot continue: one of the two bounds above is reached.
    pub(crate) full: bool,
}

impl UsageCursor {
    /// Whether nothing of this task, which has ended, is left to be exported.
    pub fn is_past(&self, task: &TaskId) -> bool {
        let is_processed = self.through.as_ref().is_some_and(|through| task <= through);
        is_processed && !self.open.contains(task)
    }

    /// Looks at tasks of `open`.
    pub(crate) fn scan_open<'a>(&self, tasks: &'a [Task]) -> Scan<'a> {
        let mut scan = Scan {
            tell: Vec::new(),
            cursor: self.clone(),
            full: false,
        };
        for task in tasks.iter().filter(|task| task.state.is_end()) {
            scan.cursor.open.remove(&task.id);
            scan.tell.extend(is_charged(task).then_some(task));
        }
        scan
    }

    /// Looks at the tasks that follow, oldest first. Before `settled` no other task can appear any
    /// more, so that it need not be looked there again; later ones are remembered one by one.
    pub(crate) fn scan_next<'a>(&self, page: &'a [Task], settled: &TaskId) -> Scan<'a> {
        let mut scan = Scan {
            tell: Vec::new(),
            cursor: self.clone(),
            full: false,
        };
        for task in page {
            scan.full = if task.id < *settled {
                scan.settled(task)
            } else {
                scan.unsettled(task)
            };
            if scan.full {
                break;
            }
        }
        scan
    }
}

impl<'a> Scan<'a> {
    /// True when there is no room for the task.
    fn settled(&mut self, task: &'a Task) -> bool {
        let cursor = &mut self.cursor;
        if !task.state.is_end() {
            if cursor.open.len() >= OPEN_MAX {
                return true;
            }
            cursor.open.insert(task.id.clone());
        }
        if !cursor.told.remove(&task.id) && is_charged(task) {
            self.tell.push(task);
        }
        cursor.through = Some(task.id.clone());
        false
    }

    /// True if there is no room for the task.
    fn unsettled(&mut self, task: &'a Task) -> bool {
        let cursor = &mut self.cursor;
        if !is_charged(task) || cursor.told.contains(&task.id) {
            return false;
        }
        if cursor.told.len() >= TOLD_MAX {
            return true;
        }
        cursor.told.insert(task.id.clone());
        self.tell.push(task);
        false
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::base::id::{ModelId, TenantId};
    use crate::base::time::Timestamp;
    use crate::domain::money::MicroUsd;
    use crate::domain::task::{NewTask, State};

    /// A task created in this millisecond.
    pub(crate) fn task(at: i64, state: State) -> Task {
        let new = NewTask {
            tenant: TenantId::parse("acme").unwrap(),
            id: TaskId::lowest_at(Timestamp(at)),
            model: ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap(),
            price: MicroUsd(1),
            cost: MicroUsd(1),
            outputs_asked: 1,
            makes: None,
            callback: None,
            metadata: crate::base::labels::Labels::default(),
        };
        Task {
            state,
            ..Task::admitted(new, Timestamp(at))
        }
    }

    fn id(at: i64) -> TaskId {
        TaskId::lowest_at(Timestamp(at))
    }

    fn told(scan: &Scan<'_>) -> Vec<i64> {
        scan.tell.iter().map(|task| task.created_at.0).collect()
    }

    #[test]
    fn a_running_task_stays_open_while_those_after_it_are_told() {
        let page = [
            task(1, State::Completed),
            task(2, State::Submitted),
            task(3, State::Failed),
            task(4, State::Completed),
        ];

        let scan = UsageCursor::default().scan_next(&page, &id(100));
        let ended = [task(2, State::Completed)];
        let later = scan.cursor.scan_open(&ended);

        assert_eq!(told(&scan), [1, 4]);
        assert_eq!(
            (&scan.cursor.through, &scan.cursor.open),
            (&Some(id(4)), &BTreeSet::from([id(2)]))
        );
        assert_eq!(
            (told(&later), later.cursor.open.len(), &later.cursor.through),
            (vec![2], 0, &Some(id(4)))
        );
    }

    #[test]
    fn a_cursor_is_past_what_it_has_told_and_not_past_what_it_waits_for() {
        let page = [task(1, State::Completed), task(2, State::Submitted)];
        let cursor = UsageCursor::default().scan_next(&page, &id(100)).cursor;

        assert!(!UsageCursor::default().is_past(&id(1)));
        assert_eq!(
            [1, 2, 3].map(|at| cursor.is_past(&id(at))),
            [true, false, false]
        );
    }

    #[test]
    fn what_is_not_settled_is_told_once_and_looked_at_again_for_older_ones_that_appear() {
        let (one, late, two) = (
            task(11, State::Completed),
            task(12, State::Completed),
            task(13, State::Completed),
        );

        let first_page = [one.clone(), two.clone()];
        let first = UsageCursor::default().scan_next(&first_page, &id(10));
        let second_page = [one, late, two];
        let second = first.cursor.scan_next(&second_page, &id(13));
        let third = second.cursor.scan_next(&second_page[2..], &id(20));

        assert_eq!((told(&first), &first.cursor.through), (vec![11, 13], &None));
        assert_eq!(
            (told(&second), &second.cursor.through),
            (vec![12], &Some(id(12)))
        );
        assert_eq!(second.cursor.told, BTreeSet::from([id(13)]));
        assert_eq!(
            (told(&third), &third.cursor.through, third.cursor.told.len()),
            (vec![], &Some(id(13)), 0)
        );
    }

    #[test]
    fn a_cursor_without_room_waits_and_forgets_nothing() {
        let range = |state| (1..=2_001).map(|at| task(at, state)).collect::<Vec<_>>();
        let (open, told_tasks) = (range(State::Submitted), range(State::Completed));

        let settled = UsageCursor::default().scan_next(&open, &id(9_999));
        let unsettled = UsageCursor::default().scan_next(&told_tasks, &id(0));

        assert!(settled.full && unsettled.full);
        assert_eq!(
            (settled.cursor.open.len(), settled.cursor.through),
            (OPEN_MAX, Some(id(2_000)))
        );
        assert_eq!(
            (
                unsettled.cursor.told.len(),
                unsettled.tell.len(),
                unsettled.cursor.through
            ),
            (TOLD_MAX, 2_000, None)
        );
    }
}
