//! What has been kept long enough is removed: in steps of a bounded size, each of them whole.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{TaskId, TenantId};
use crate::base::time::Timestamp;
#[cfg(doc)]
use crate::domain::money::Account;
use crate::domain::money::Month;
use crate::domain::task::Task;

/// What became of tasks that were to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Removed {
    pub count: usize,
    /// Where to go on: behind this one. `None`: with none of them.
    pub through: Option<TaskId>,
}

#[async_trait]
pub trait RetentionStore: Send + Sync {
    /// Removes these tasks, with their inputs, timelines and runs. They follow each other, without
    /// another task between them, and each has ended and was announced. Their ledger entries, the
    /// sums of their days and the [`Account`] stay as they are. A task with a delivery that is kept
    /// stays, and so may those after it. Durable when it returns; what an interrupted removal left
    /// is removed by the next.
    ///
    /// Kind `Conflict` with code `version_conflict`, and nothing is removed, if one of them has
    /// changed meanwhile.
    async fn remove_tasks(&self, tenant: &TenantId, tasks: &[Task]) -> Result<Removed>;

    /// Removes the inputs and the callback URLs of tasks that were made before this id, oldest
    /// first: of so many tasks at most. Returns of how many. One that has not ended, or whose end
    /// was not announced, keeps them, and so do those after it. A store may have none to remove
    /// because it removes their keys.
    async fn drop_inputs(&self, tenant: &TenantId, end: &TaskId, limit: usize) -> Result<usize>;

    /// Before this moment every tenant's tasks have been looked at and removed; the beginning of
    /// time before that.
    async fn removed_before(&self) -> Result<Timestamp>;

    /// Saves it; an earlier moment than the saved one changes nothing.
    async fn save_removed_before(&self, moment: Timestamp) -> Result<()>;

    /// Removes idempotency keys that have expired by then: so many at most. Returns how many there
    /// were. Where items expire by themselves there are none to remove; so it is with what follows.
    async fn expire_idempotency_keys(&self, now: Timestamp, limit: usize) -> Result<usize>;

    /// Removes what API keys with a limit used in months before this one.
    async fn expire_key_use(&self, before: Month, limit: usize) -> Result<usize>;

    /// Removes dead letters of jobs that were given up before then.
    async fn expire_dead_letters(&self, before: Timestamp, limit: usize) -> Result<usize>;
}
