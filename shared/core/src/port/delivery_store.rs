//! Deliveries. They are created with the change that causes their event: see
//! [`super::TaskStore::apply`].

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{DeliveryId, TenantId};
use crate::domain::task::Task;
use crate::domain::webhook::Delivery;

#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// The delivery and its task. May be slightly stale about attempts, but never about whether the
    /// delivery exists and is still to be attempted. Kind `NotFound` for an id that does not exist
    /// or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, Task)>;

    /// Replaces the delivery. Kind `Conflict`, and nothing is written, unless the stored version is
    /// one below the given one.
    async fn update(&self, delivery: &Delivery) -> Result<()>;

    /// The deliveries created with the task up to its version at hand, oldest first. May be
    /// slightly stale about attempts.
    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>>;
}
