//! How far the export of a tenant's usage has come. Pure: what a page of tasks makes of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::event::is_charged;
use crate::base::id::TaskId;
use crate::domain::task::Task;

/// Tasks that an export keeps in mind because they are not over. With more than that it waits for
/// some to end.
const OPEN_MAX: usize = 2_000;
/// Tasks told that an export keeps in mind because older ones may still appear. With more than that
/// it waits.
const TOLD_MAX: usize = 2_000;

/// Where the export of one tenant's usage to one place stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageCursor {
    /// Counts the saves. Version 0 is the beginning and never stored.
    pub version: u64,
    /// Tasks up to this one were looked at: those that are charged are told, except for what `open`
    /// names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<TaskId>,
    /// Tasks up to `through` that were not over.
    #[serde(default)]
    pub open: BTreeSet<TaskId>,
    /// Tasks after `through` that are told.
    #[serde(default)]
    pub told: BTreeSet<TaskId>,
}

/// What came of looking at some tasks.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    /// To be told, in order.
    pub(crate) tell: Vec<&'a Task>,
    /// Where the export stands once they are.
    pub(crate) cursor: UsageCursor,
    /// There is no room to go on: see the two bounds above.
    pub(crate) full: bool,
}

impl UsageCursor {
    /// Looks at tasks of `open`.
    pub(crate) fn look_at_open<'a>(&self, tasks: &'a [Task]) -> Look<'a> {
        let mut look = Look {
            tell: Vec::new(),
            cursor: self.clone(),
            full: false,
        };
        for task in tasks.iter().filter(|task| task.state.is_end()) {
            look.cursor.open.remove(&task.id);
            look.tell.extend(is_charged(task).then_some(task));
        }
        look
    }

    /// Looks at the tasks that follow, oldest first. Before `settled` no other task can appear any
    /// more, so that it need not be looked there again; later ones are remembered one by one.
    pub(crate) fn look_at_next<'a>(&self, page: &'a [Task], settled: &TaskId) -> Look<'a> {
        let mut look = Look {
            tell: Vec::new(),
            cursor: self.clone(),
            full: false,
        };
        for task in page {
            look.full = if task.id < *settled {
                look.settled(task)
            } else {
                look.unsettled(task)
            };
            if look.full {
                break;
            }
        }
        look
    }
}

impl<'a> Look<'a> {
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

    /// True when there is no room for the task.
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

    /// The task of this millisecond.
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
        };
        Task {
            state,
            ..Task::admitted(new, Timestamp(at))
        }
    }

    fn id(at: i64) -> TaskId {
        TaskId::lowest_at(Timestamp(at))
    }

    fn told(look: &Look<'_>) -> Vec<i64> {
        look.tell.iter().map(|task| task.created_at.0).collect()
    }

    #[test]
    fn a_running_task_stays_open_while_those_after_it_are_told() {
        let page = [
            task(1, State::Completed),
            task(2, State::Submitted),
            task(3, State::Failed),
            task(4, State::Completed),
        ];

        let look = UsageCursor::default().look_at_next(&page, &id(100));
        let ended = [task(2, State::Completed)];
        let later = look.cursor.look_at_open(&ended);

        assert_eq!(told(&look), [1, 4]);
        assert_eq!(
            (&look.cursor.through, &look.cursor.open),
            (&Some(id(4)), &BTreeSet::from([id(2)]))
        );
        assert_eq!(
            (told(&later), later.cursor.open.len(), &later.cursor.through),
            (vec![2], 0, &Some(id(4)))
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
        let first = UsageCursor::default().look_at_next(&first_page, &id(10));
        let second_page = [one, late, two];
        let second = first.cursor.look_at_next(&second_page, &id(13));
        let third = second.cursor.look_at_next(&second_page[2..], &id(20));

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

        let settled = UsageCursor::default().look_at_next(&open, &id(9_999));
        let unsettled = UsageCursor::default().look_at_next(&told_tasks, &id(0));

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
