//! A tenant that has fixed its bucket has missing outputs copied again.

use super::Gateway;
use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::Task;

impl Gateway {
    /// Starts another copy of the outputs missing from the bucket; does nothing if one is already
    /// in progress. It moves no money and sends no callbacks.
    ///
    /// Kind `NotFound` for foreign and unknown ids alike; kind `Conflict`, code
    /// `nothing_to_archive`, for a task with no missing outputs; kind `Gone`, code
    /// `outputs_expired`, if the provider no longer keeps them.
    pub async fn copy_again(&self, tenant: &TenantId, id: &TaskId) -> Result<Task> {
        let task = self.task(tenant, id).await?;
        self.machine.copy_again(task).await
    }
}
