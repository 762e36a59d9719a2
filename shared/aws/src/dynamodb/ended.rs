//! Whether a task has ended, for the queue: it lets a watch end with its task.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{Subject, TaskId, TenantId};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::task::State;
use fluxgate_core::webhook::DeliveryState;

use super::attribute::{Item, Reader};
use super::delivery_item::{self, Listed};
use super::delivery_reads::newest;
use super::key::Key;
use super::table::Table;
use super::task_item;
use crate::sqs::EndedTasks;

/// Only reads the table, so that the queue need not know the store that sends through it.
#[derive(Debug, Clone)]
pub struct EndedTasksInTable {
    table: Table,
}

impl EndedTasksInTable {
    pub fn new(table: Table) -> Self {
        Self { table }
    }

    /// True if every delivery to be sent has its own item, or had one, and that says that nothing
    /// is to be sent any more.
    async fn all_told(&self, tenant: &TenantId, task: &TaskId, item: &Item) -> Result<bool> {
        let deliveries = delivery_item::listed(tenant, &Subject::Task(task.clone()), item)?;
        let now = SystemClock.now();
        let pending: Vec<&Listed> = deliveries
            .iter()
            .filter(|listed| listed.delivery.state == DeliveryState::Pending)
            .filter(|listed| !listed.is_expired(now))
            .collect();
        let keys: Vec<Key> = pending.iter().flat_map(|it| it.own_keys()).collect();
        let there = newest(&self.table.get_all(&keys).await?)?;
        Ok(pending.iter().all(|listed| {
            let own = there.get(&listed.delivery.id);
            own.is_some_and(|own| own.pull || own.state != DeliveryState::Pending)
        }))
    }
}

#[async_trait]
impl EndedTasks for EndedTasksInTable {
    /// It may be a moment late about how a task stands, for a watch too many does nothing, and
    /// never about whether there is one.
    async fn is_over(&self, tenant: &TenantId, task: &TaskId) -> Result<bool> {
        let Some(item) = self
            .table
            .get_eventual_or_get(
                &Key::task(tenant, task),
                Some("#state, #untold, #deliveries"),
            )
            .await?
        else {
            return Ok(true);
        };
        // An item without a state is a void.
        let is_end = Reader(&item)
            .optional_word::<State>("state")?
            .is_none_or(State::is_end);
        Ok(is_end
            && !item.contains_key(task_item::UNTOLD)
            && self.all_told(tenant, task, &item).await?)
    }
}
