//! Endpoints.

use async_trait::async_trait;

use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::id::{EndpointId, TenantId};

#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// Creates or replaces.
    async fn put(&self, endpoint: &Endpoint) -> Result<()>;

    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint>;

    /// As `get`, for half the price where that counts: it may be a moment late about changes, never about whether there is such
    /// an endpoint.
    async fn glance(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint>;

    /// The tenant's endpoints, oldest first.
    async fn list(&self, tenant: &TenantId) -> Result<Vec<Endpoint>>;

    /// Disables the endpoint if it is still there; one that was deleted meanwhile stays deleted.
    async fn disable(&self, tenant: &TenantId, id: &EndpointId) -> Result<()>;

    /// Kind `NotFound` as in `get`. Deliveries already made keep their record.
    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()>;
}
