//! Looks for things that should not exist in any tenant: tasks that nobody moves, and money and
//! slots held for no task.

mod all;
mod days;
mod slots;
mod tenant;

pub use all::Swept;
pub use tenant::TenantSweep;

use std::sync::Arc;

use super::jobs::Jobs;
use super::{Context, Machine};
use crate::port::Queue;

/// Sweeps.
pub struct Sweeper {
    context: Context,
    machine: Machine,
    jobs: Jobs,
}

impl Sweeper {
    pub fn new(machine: Machine, queue: Arc<dyn Queue>) -> Self {
        Self {
            context: machine.context.clone(),
            jobs: Jobs::new(&machine.context, queue),
            machine,
        }
    }
}
