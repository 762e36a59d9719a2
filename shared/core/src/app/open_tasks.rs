//! A tenant's open tasks, found without reading its history: those of the set that was saved last,
//! and those made since.

use super::Context;
use super::task_pages::TaskPages;
use crate::base::error::{Error, Reason, Result};
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{OpenSet, Task};

/// Tasks of the set read at once.
const PAGE_IDS: usize = 500;
/// A set never reaches closer to now than this: a task is written a moment after its id is made,
/// and by a machine whose clock may be late.
const SETTLES_MS: u64 = 10 * 60_000;
/// A set is saved when that spares the next look as many reads of tasks: on AWS the write of a set
/// costs as much as forty of them.
const SPARED_MIN: usize = 8;

/// What was open at one look, oldest first.
pub(crate) struct OpenTasks {
    pub(crate) tasks: Vec<Task>,
    known: OpenSet,
    read_to: TaskId,
    /// Tasks were read that need not be if the set is saved.
    spared: usize,
}

/// How a look reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Consistent,
    Eventual,
}

impl OpenTasks {
    /// Kind `Unavailable` with code `sweep_unfinished` when `until` comes first.
    pub(crate) async fn read(
        context: &Context,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<Self> {
        Self::read_by(Reads::Consistent, context, tenant, until).await
    }

    /// As `read`, at half the price where that matters. A task may be missing that was made a
    /// moment ago, and one may stand as it stood then: as open, though it is over.
    pub(crate) async fn read_eventual(
        context: &Context,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<Self> {
        Self::read_by(Reads::Eventual, context, tenant, until).await
    }

    async fn read_by(
        reads: Reads,
        context: &Context,
        tenant: &TenantId,
        until: Timestamp,
    ) -> Result<Self> {
        let (now, store) = (context.now(), context.open_tasks());
        let known = match reads {
            Reads::Consistent => store.open_set(tenant).await?,
            Reads::Eventual => store.open_set_eventual(tenant).await?,
        };
        let mut open = Self {
            tasks: Vec::new(),
            read_to: TaskId::lowest_at(now.minus_ms(SETTLES_MS)),
            spared: 0,
            known,
        };
        let ids: Vec<TaskId> = open.known.tasks.iter().cloned().collect();
        for ids in ids.chunks(PAGE_IDS) {
            in_time(context, until)?;
            let found = match reads {
                Reads::Consistent => store.tasks_by_id(tenant, ids).await?,
                Reads::Eventual => store.tasks_by_id_eventual(tenant, ids).await?,
            };
            open.tasks.extend(found.into_iter().filter(Task::is_open));
        }
        open.spared = ids.len() - open.tasks.len();
        let Some(read_to) = open.known.read_to.clone() else {
            return Ok(open);
        };
        let earliest = TaskId::lowest_at(context.bounds.earliest_made(now));
        // After the clock was set back, tasks are made that the set seems to reach beyond.
        let from = Some(read_to.min(open.read_to.clone()).max(earliest));
        let mut pages = TaskPages::oldest_first(context.tasks(), tenant, from);
        if reads == Reads::Eventual {
            pages = pages.eventual();
        }
        while let Some(page) = pages.next().await? {
            open.spared += page.partition_point(|task| task.id <= open.read_to);
            open.tasks.extend(page.into_iter().filter(Task::is_open));
            in_time(context, until)?;
        }
        Ok(open)
    }

    /// Adds a task found in another way.
    pub(crate) fn add(&mut self, task: Task) {
        if task.is_open() && self.tasks.iter().all(|known| known.id != task.id) {
            self.tasks.push(task);
        }
    }

    pub(crate) fn live(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| !task.state.is_end())
    }

    /// What the live tasks hold.
    pub(crate) fn held(&self) -> i64 {
        self.live().map(|task| task.price.0).sum()
    }

    /// Saves what was found, so that the next look reads but a few tasks again that were over at
    /// this one. Somebody else's save is as good.
    pub(crate) async fn save(&self, context: &Context, tenant: &TenantId) -> Result<()> {
        if self.known.read_to.is_none() || self.spared < SPARED_MIN {
            return Ok(());
        }
        let open = self.tasks.iter().map(|task| task.id.clone());
        let after = self.known.after(open, self.read_to.clone());
        match context.open_tasks().save_open_set(tenant, &after).await {
            Err(error) if error.is(Reason::VersionMoved) => Ok(()),
            saved => saved,
        }
    }
}

pub(crate) fn in_time(context: &Context, until: Timestamp) -> Result<()> {
    if context.now() < until {
        return Ok(());
    }
    let text = "time ran out before all tasks were read";
    Err(Error::unavailable("sweep_unfinished", text))
}
