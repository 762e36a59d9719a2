//! The tasks that are open: those that have not ended, and those whose end was not announced.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::domain::task::{OpenSet, Task};

#[async_trait]
pub trait OpenTaskStore: Send + Sync {
    /// The tenant's set as it was saved last, empty and at the beginning before that. A store that
    /// finds open tasks by an index answers with all of them, and without `read_to`.
    async fn open_set(&self, tenant: &TenantId) -> Result<OpenSet>;

    /// As `open_set`, at half the price where that matters: it may be an earlier one.
    async fn open_set_eventual(&self, tenant: &TenantId) -> Result<OpenSet> {
        self.open_set(tenant).await
    }

    /// Saves a set over the version below its own; kind `Conflict` with code `version_conflict`,
    /// and nothing is written, if another was saved meanwhile. Does nothing in a store that finds
    /// open tasks by an index.
    async fn save_open_set(&self, tenant: &TenantId, set: &OpenSet) -> Result<()>;

    /// Those of these tasks that exist, oldest first, read consistently.
    async fn tasks_by_id(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>>;

    /// As `tasks_by_id`, at half the price where that matters: may be slightly stale.
    async fn tasks_by_id_eventual(&self, tenant: &TenantId, ids: &[TaskId]) -> Result<Vec<Task>> {
        self.tasks_by_id(tenant, ids).await
    }
}
