//! `OpenTaskStore`, and the sweep that keeps the set of open tasks by it.

use std::collections::BTreeSet;
use std::sync::Arc;

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::{OpenSet, Signal, Task, transition};
use fluxgate_core::time::Timestamp;

use super::{Stores, archived, fresh_task_id, fresh_tenant, now};
use crate::HeldClock;
use crate::roles::Roles;

const FOREVER: Timestamp = Timestamp(i64::MAX);
const HOUR_MS: i64 = 3_600_000;
/// A set is not saved for fewer tasks that were over.
pub const SAVED_AFTER: usize = 8;

impl Stores {
    async fn completed(&self, tenant: &TenantId) -> Task {
        let task = self.archiving(tenant).await;
        self.signal(&task, archived()).await
    }

    async fn open_set(&self, tenant: &TenantId) -> OpenSet {
        self.store.open_tasks().open_set(tenant).await.unwrap()
    }

    /// The open tasks as anybody finds them: those in the set, and younger ones.
    async fn open_tasks(&self, tenant: &TenantId) -> BTreeSet<TaskId> {
        let set = self.open_set(tenant).await;
        let ids: Vec<TaskId> = set.tasks.iter().cloned().collect();
        let store = self.store.open_tasks();
        let mut tasks = store.tasks_by_id(tenant, &ids).await.unwrap();
        if let Some(read_to) = &set.read_to {
            let younger = self.tasks.list_after(tenant, Some(read_to), 1_000);
            tasks.extend(younger.await.unwrap());
        }
        let open = tasks.into_iter().filter(Task::is_open);
        open.map(|task| task.id).collect()
    }
}

pub async fn what_has_not_ended_or_was_not_announced_is_open(stores: Stores) {
    let tenant = stores.funded(4).await;
    let live = stores.admitted(&tenant).await;
    stores.completed(&tenant).await;
    let task = stores.archiving(&tenant).await;
    let mut end = transition(&task, archived(), now()).unwrap();
    end.put_off_events(60_000);
    stores.tasks.apply(&end).await.unwrap();

    let open = stores.open_tasks(&tenant).await;
    stores.signal(&end.task, Signal::Announced).await;

    assert_eq!(open, BTreeSet::from([live.id.clone(), task.id]));
    assert_eq!(stores.open_tasks(&tenant).await, BTreeSet::from([live.id]));
    let nobody = fresh_tenant();
    assert_eq!(stores.open_tasks(&nobody).await, BTreeSet::new());
}

pub async fn tasks_are_read_by_their_ids_and_those_that_are_not_there_are_left_out(stores: Stores) {
    let (tenant, other) = (stores.funded(2).await, stores.funded(1).await);
    let first = stores.admitted(&tenant).await;
    let second = stores.admitted(&tenant).await;
    let foreign = stores.admitted(&other).await;
    let ids = [&second.id, &foreign.id, &fresh_task_id(), &first.id].map(Clone::clone);

    let store = stores.store.open_tasks();
    let found = store.tasks_by_id(&tenant, &ids).await.unwrap();

    let mut expected = [first, second];
    expected.sort_by(|one, other| one.id.cmp(&other.id));
    assert_eq!(found, expected);
    assert!(store.tasks_by_id(&tenant, &[]).await.unwrap().is_empty());
}

/// Tasks of the last minutes are looked at again, so the clock is held an hour later.
pub async fn a_sweep_keeps_the_open_tasks_and_forgets_those_that_ended(stores: Stores) {
    let clock = HeldClock::now();
    let mut roles = Roles::over(&stores);
    roles.context.clock = Arc::new(clock.clone());
    let sweeper = roles.sweeper();
    let tenant = stores.funded(SAVED_AFTER as i64 + 2).await;
    stores.completed(&tenant).await;
    let mut open = Vec::new();
    for _ in 0..=SAVED_AFTER {
        open.push(stores.archiving(&tenant).await);
    }
    let all: BTreeSet<TaskId> = open.iter().map(|task| task.id.clone()).collect();
    let last = open.pop().unwrap();
    clock.pass_ms(HOUR_MS);

    let swept = sweeper.sweep(&tenant, FOREVER).await.unwrap();
    let kept = stores.open_set(&tenant).await.tasks;
    for task in &open {
        stores.signal(task, archived()).await;
    }
    let swept_again = sweeper.sweep(&tenant, FOREVER).await.unwrap();
    let kept_then = stores.open_set(&tenant).await.tasks;

    assert_eq!((swept.live, swept_again.live), (SAVED_AFTER + 1, 1));
    assert_eq!(kept, all);
    assert_eq!(kept_then, BTreeSet::from([last.id.clone()]));
    assert_eq!(stores.open_tasks(&tenant).await, BTreeSet::from([last.id]));
}
