//! Deliveries. They are created with the change that causes their event: see
//! [`super::TaskStore::apply`].

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{DeliveryId, TaskId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::task::{Delayed, Task};
use crate::domain::webhook::{Delivery, DeliveryPage, DeliveryQuery, Notice};

/// What a delivery's event is about.
#[derive(Debug, Clone, PartialEq)]
pub enum About {
    Task(Box<Task>),
    Notice(Notice),
}

impl About {
    /// True of a task that was deleted: nothing more is told of it.
    pub fn is_deleted(&self) -> bool {
        matches!(self, Self::Task(task) if task.deleted.is_some())
    }
}

#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// The delivery and what its event is about. It may be a moment late about attempts, never
    /// about whether there is such a delivery and somebody is to try it. Kind `NotFound` for an id
    /// that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, About)>;

    /// Replaces the delivery, and sends the job that its next attempt needs: never the one without
    /// the other, though the job may come first, or twice. Kind `Conflict` with reason
    /// `VersionMoved`, and nothing is written, unless the stored version is one below the given
    /// one.
    async fn update(&self, delivery: &Delivery, job: Option<&Delayed>) -> Result<()>;

    /// Writes an event without a task with its deliveries and their jobs. Of an event that is there
    /// already: nothing happens.
    async fn publish(&self, notice: &Notice, deliveries: &[Delivery]) -> Result<()>;

    /// Those that pass, in the order that is asked for. It looks at no more than
    /// [`DeliveryQuery::LOOKED_AT_MAX`] and gives a place to read on from, so that a page may be
    /// empty and not the last. It may be a moment late, but for what was missed. Without a task,
    /// what was never tried may be missing, unless only missed ones are asked for; without a
    /// target, deliveries to endpoints that are gone.
    async fn list(&self, tenant: &TenantId, query: &DeliveryQuery) -> Result<DeliveryPage>;

    /// Removes deliveries whose event and last attempt are older than that, unless they are
    /// pending and to be sent, and events without a task that have none left: so many at most.
    /// Returns how many deliveries were removed. Where items expire by themselves there are none to
    /// remove.
    async fn expire(&self, before: Timestamp, limit: usize) -> Result<usize>;

    /// The deliveries created with the task up to its version at hand, oldest first. May be
    /// slightly stale about attempts.
    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>>;

    /// The task, as `TaskStore::get_eventual` reads it, and its deliveries as above; none of a task
    /// that has not ended.
    async fn of_ended_task(&self, tenant: &TenantId, id: &TaskId) -> Result<(Task, Vec<Delivery>)>;
}
