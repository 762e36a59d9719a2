//! Which of a tenant's tasks are open, for stores that cannot find them by an index: whoever looks
//! reads the tasks made since, and leaves out those that are over.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::base::id::TaskId;

/// Ids in one set: in DynamoDB it is one item of at most 400 KB.
pub const OPEN_SET_TASKS_MAX: usize = 5_000;

/// A tenant's open tasks as of one look.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSet {
    /// All that were open among the tasks up to `read_to`.
    pub tasks: BTreeSet<TaskId>,
    /// Younger tasks have to be read. `None` in a store that finds every open task by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_to: Option<TaskId>,
    /// Raised by each save; zero before the first.
    pub version: u64,
}

impl OpenSet {
    /// The set after all tasks up to `read_to` were read. Of too many, the oldest are taken, and
    /// the set then reaches no further than they do.
    #[must_use]
    pub fn after(&self, open: impl Iterator<Item = TaskId>, read_to: TaskId) -> Self {
        let mut tasks: BTreeSet<TaskId> = open.filter(|id| *id <= read_to).collect();
        let beyond = tasks.iter().nth(OPEN_SET_TASKS_MAX).cloned();
        let mut read_to = read_to;
        if let Some(beyond) = beyond {
            drop(tasks.split_off(&beyond));
            read_to = tasks.last().cloned().unwrap_or(read_to);
        }
        Self {
            tasks,
            read_to: Some(read_to),
            version: self.version + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: usize) -> TaskId {
        TaskId::parse(&format!("{n:032x}")).unwrap()
    }

    #[test]
    fn a_set_holds_what_is_open_up_to_where_tasks_were_read() {
        let set = OpenSet::default().after([1, 5, 9].map(id).into_iter(), id(7));

        assert_eq!(set.tasks, BTreeSet::from([id(1), id(5)]));
        assert_eq!((set.read_to, set.version), (Some(id(7)), 1));
    }

    #[test]
    fn a_set_that_is_full_reaches_no_further_than_its_last_task() {
        let all = 0..OPEN_SET_TASKS_MAX + 3;

        let set = OpenSet::default().after(all.map(id), id(1_000_000));

        assert_eq!(set.tasks.len(), OPEN_SET_TASKS_MAX);
        assert_eq!(set.read_to, Some(id(OPEN_SET_TASKS_MAX - 1)));
    }
}
