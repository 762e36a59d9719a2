//! A tenant cancels a task that still waits.

use super::Gateway;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::Task;

impl Gateway {
    /// Ends a task that nothing was sent for: its hold is released, its place in the fair queue is
    /// free, and its callbacks are told. A task that is cancelled already stays so.
    ///
    /// Kind `NotFound` for foreign and unknown ids alike; kind `Conflict`, code `task_sent`, for a
    /// task that the provider has, or may have, and code `task_ended` for one that is over.
    pub async fn cancel(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        let task = self.task(tenant, id).await?;
        self.machine.cancel(task).await
    }
}
