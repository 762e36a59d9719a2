//! Whether a task has ended, for the queue: it lets a watch end with its task.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::task::State;
use fluxgate_core::webhook::DeliveryState;

use super::attribute::{Item, Reader};
use super::key::Key;
use super::table::Table;
use super::{delivery_item, task_item};
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

    /// True if every delivery to be tried has its own item.
    async fn all_tried(&self, tenant: &TenantId, task: &TaskId, item: &Item) -> Result<bool> {
        let deliveries = delivery_item::from_task_item(tenant, task, item)?;
        let pending = deliveries
            .iter()
            .filter(|delivery| delivery.state == DeliveryState::Pending);
        let keys: Vec<Key> = pending
            .map(|delivery| Key::delivery(tenant, &delivery.id))
            .collect();
        Ok(self.table.get_all(&keys).await?.len() == keys.len())
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
            && self.all_tried(tenant, task, &item).await?)
    }
}
