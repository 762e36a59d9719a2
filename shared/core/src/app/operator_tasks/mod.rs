//! What the operator sees of all tenants' tasks, and does about one that is stuck. Every action is
//! recorded in the audit log before it is taken.

mod act;
mod erase;
mod find;
mod trouble;
mod waiting;

pub use act::{Delivered, TaskAction};
pub use erase::{Erasure, ErasureStep};
pub use find::{OperatorTaskPage, OperatorTaskQuery, TaskPlace};
pub use trouble::TaskTrouble;
pub use waiting::{FairQueueView, LongestWait};

use std::sync::Arc;

use super::batches::Batches;
use super::jobs::Jobs;
use super::{Context, DeadLetters, Deliveries, Machine, Operator, Restorations, TaskTimeline};
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::fair_queue::Capacity;
use crate::port::Queue;

/// The operator's use cases of tasks.
pub struct OperatorTasks {
    context: Context,
    machine: Machine,
    jobs: Jobs,
    operator: Arc<Operator>,
    deliveries: Arc<Deliveries>,
    batches: Batches,
}

/// What moves tasks and jobs for the operator: its roles of tasks, of dead letters and of
/// restorations are made from it.
pub struct OperatorWork {
    machine: Machine,
    queue: Arc<dyn Queue>,
}

impl OperatorWork {
    pub fn new(machine: Machine, queue: Arc<dyn Queue>) -> Self {
        Self { machine, queue }
    }

    /// What every role has.
    pub fn context(&self) -> Context {
        self.machine.context.clone()
    }

    /// The roles, which record what they do by the operator's.
    pub fn roles(
        self,
        operator: &Arc<Operator>,
        deliveries: &Arc<Deliveries>,
    ) -> (OperatorTasks, DeadLetters, Restorations) {
        let Self { machine, queue } = self;
        let context = machine.context.clone();
        let restorations = Restorations::new(context, queue.clone(), operator.clone());
        let tasks = OperatorTasks {
            context: machine.context.clone(),
            jobs: Jobs::new(&machine.context, queue.clone()),
            batches: Batches::new(machine.context.clone(), queue.clone()),
            machine,
            operator: operator.clone(),
            deliveries: deliveries.clone(),
        };
        let dead_letters = DeadLetters::new(queue, operator.clone());
        (tasks, dead_letters, restorations)
    }
}

impl OperatorTasks {
    /// One task with every step and delivery, deleted or not. Kind `NotFound`.
    pub async fn task(&self, tenant: &TenantId, id: &TaskId) -> Result<TaskTimeline> {
        TaskTimeline::read(&self.context, tenant, id).await
    }

    /// The limits of the provider's account, as configured; `None` if there are none.
    pub fn capacity(&self) -> Option<Capacity> {
        self.machine.capacity
    }
}
