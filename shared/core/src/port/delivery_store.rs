//! Deliveries. They are created with the change that makes their event: see [`super::TaskStore::apply`].

use async_trait::async_trait;

use crate::delivery::Delivery;
use crate::error::Result;
use crate::id::{DeliveryId, TaskId, TenantId};

#[async_trait]
pub trait DeliveryStore: Send + Sync {
    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &DeliveryId) -> Result<Delivery>;

    /// Replaces the delivery. Kind `Conflict`, and nothing is written, unless the stored version is one below the given one.
    async fn update(&self, delivery: &Delivery) -> Result<()>;

    /// The deliveries of one task, oldest first.
    async fn of_task(&self, tenant: &TenantId, task: &TaskId) -> Result<Vec<Delivery>>;
}
