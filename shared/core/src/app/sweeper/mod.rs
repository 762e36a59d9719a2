//! Looks for things that should not exist in any tenant: tasks that nobody moves, and money and
//! slots held for no task.

mod all;
mod days;
mod looked_at;
mod purged;
mod slots;
mod tenant;

pub use all::Swept;
pub use tenant::TenantSweep;

use std::sync::Arc;

use self::looked_at::LookedAt;
use super::batches::Batches;
use super::jobs::Jobs;
use super::{Awaiting, Context, Machine};
use crate::base::error::Result;
use crate::port::Queue;

/// Sweeps.
pub struct Sweeper {
    context: Context,
    machine: Machine,
    batches: Batches,
    batches_looked_at: LookedAt,
    jobs: Jobs,
}

impl Sweeper {
    pub fn new(machine: Machine, queue: Arc<dyn Queue>) -> Self {
        Self {
            context: machine.context.clone(),
            batches: Batches::new(machine.context.clone(), queue.clone()),
            batches_looked_at: LookedAt::default(),
            jobs: Jobs::new(&machine.context, queue),
            machine,
        }
    }

    /// While a restored store waits, nothing of it is swept: that would go on with its tasks, and
    /// tell tenants.
    pub async fn awaiting(&self) -> Result<Option<Awaiting>> {
        Awaiting::of(&self.context).await
    }
}
