//! Deliveries. They are created with the change that makes their event: see
//! [`super::TaskStore::apply`].

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{DeliveryId, TenantId};
use crate::domain::task::Task;
use crate::domain::webhook::Delivery;

#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// The delivery and its task. It may be a moment late about attempts, never about whether there
    /// is such a delivery and somebody is to try it. Kind `NotFound` for an id that does not exist
    /// or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<(Delivery, Task)>;

    /// Replaces the delivery. Kind `Conflict`, and nothing is written, unless the stored version is
    /// one below the given one.
    async fn update(&self, delivery: &Delivery) -> Result<()>;

    /// The deliveries that were made with the task up to the version at hand, oldest first. It may
    /// be a moment late about attempts.
    async fn of_task(&self, task: &Task) -> Result<Vec<Delivery>>;
}
