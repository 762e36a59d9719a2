//! What has to be doubted in a store that was restored from a backup: it does not know what was
//! sent to the provider since then.

mod awaiting;
mod place;
mod step;

pub use awaiting::Awaiting;

pub use step::{RestorationState, RestorationStep, Restorations};

use std::sync::Arc;

use futures::stream;
use futures::{StreamExt as _, TryStreamExt as _};

use super::batches::Batches;
use super::everybody::everybody;
use super::machine::SignalOutcome;
use super::open_tasks::OpenTasks;
use super::{Context, Machine};
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::Capacity;
use crate::domain::task::{Signal, State, Task};
use crate::port::Queue;

/// Tasks changed at once, so that a store can commit them together.
const AT_ONCE: usize = 64;

/// To leave the fair queue one need not know the account's limits.
const ANY: Capacity = Capacity {
    per_minute: None,
    concurrency: None,
};

/// Sees to it that a restored store pays for nothing twice.
pub struct Restoration {
    context: Context,
    machine: Machine,
    batches: Batches,
}

/// What was doubted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Doubted {
    pub tenants: usize,
    /// Tasks without a known run: they are resolved, and never sent again.
    pub tasks: usize,
    /// Batches that had not ended: no more of their lines are admitted.
    pub batches: usize,
}

impl Restoration {
    pub fn new(context: Context, queue: Arc<dyn Queue>) -> Self {
        Self {
            machine: Machine::new(context.clone(), Some(ANY)),
            batches: Batches::new(context.clone(), queue),
            context,
        }
    }

    /// Brings every live task without a known run into doubt, and cancels the batches that have not
    /// ended: a line that the backup has as waiting may have been submitted since. To be called
    /// before anybody works on the store; it may be called again.
    pub async fn doubt(&self) -> Result<Doubted> {
        let mut doubted = Doubted::default();
        let since = self.context.bounds.earliest_made(self.context.now());
        for tenant in everybody(self.context.tenants(), since).await? {
            doubted.tenants += 1;
            doubted.batches += self.batches.cancel_all(&tenant, false).await?;
            let open = self.open_tasks(&tenant).await?;
            doubted.tasks += self.doubt_tasks(&open).await?;
        }
        Ok(doubted)
    }

    async fn open_tasks(&self, tenant: &TenantId) -> Result<Vec<Task>> {
        let open = OpenTasks::read(&self.context, tenant, Timestamp(i64::MAX)).await?;
        Ok(open.tasks)
    }

    /// Returns how many of these are in doubt now.
    async fn doubt_tasks(&self, tasks: &[Task]) -> Result<usize> {
        let unsure = tasks.iter().filter(|task| may_have_been_sent(task));
        let unsure: Vec<Task> = unsure.cloned().collect();
        let doubts = unsure.into_iter();
        let doubts = doubts.map(|task| self.machine.signal(task, Signal::Restored));
        let changed: Vec<bool> = stream::iter(doubts)
            .buffer_unordered(AT_ONCE)
            .map_ok(|outcome| matches!(outcome, SignalOutcome::Changed(_)))
            .try_collect()
            .await?;
        Ok(changed.into_iter().filter(|changed| *changed).count())
    }
}

fn may_have_been_sent(task: &Task) -> bool {
    matches!(
        task.state,
        State::Admitted | State::Submitting | State::Unknown
    )
}
