//! Endpoints.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{EndpointId, TenantId};
use crate::domain::webhook::{CallbackUrl, Endpoint};

/// A tenant's endpoints, oldest first.
#[derive(Debug, Clone, Default)]
pub struct EndpointList {
    pub endpoints: Vec<Endpoint>,
    /// Endpoints that exist but cannot be read, for example after a downgrade.
    pub unreadable: Vec<EndpointId>,
}

impl EndpointList {
    pub fn len(&self) -> usize {
        self.endpoints.len() + self.unreadable.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one endpoint as read. One that cannot be read is logged.
    pub fn push(&mut self, tenant: &TenantId, id: EndpointId, endpoint: Result<Endpoint>) {
        match endpoint {
            Ok(endpoint) => self.endpoints.push(endpoint),
            Err(error) => {
                let error = error.with_causes();
                tracing::error!(tenant.id = %tenant, endpoint.id = %id, error, "endpoint cannot be read; its events are held");
                self.unreadable.push(id);
            }
        }
    }
}

#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// Creates the endpoint. Kind `Conflict` with code `too_many_endpoints`, and nothing is
    /// written, if the tenant already has the maximum: under concurrent creates it never gets more
    /// than that, and none is refused below it. Every existing endpoint counts, whoever wrote it
    /// and whether or not it can be read. The same with code `endpoint_exists` where another
    /// endpoint of the tenant has the URL.
    async fn create(&self, endpoint: &Endpoint, endpoints_max: usize) -> Result<()>;

    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint>;

    /// As `get`, at half the price where that matters: may be slightly stale about changes, but
    /// never about whether the endpoint exists.
    async fn get_eventual(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint>;

    /// The tenant's endpoints. One that cannot be read does not prevent listing the others.
    async fn list(&self, tenant: &TenantId) -> Result<EndpointList>;

    /// As `list`, at half the price where that matters: may be slightly stale, also about which
    /// exist.
    async fn list_eventual(&self, tenant: &TenantId) -> Result<EndpointList> {
        self.list(tenant).await
    }

    /// Replaces the endpoint. Kind `Conflict` with reason `VersionMoved`, and nothing is written,
    /// unless it is there and its stored version is one below the given one; earlier releases wrote
    /// none, which counts as 0. One that was deleted meanwhile stays deleted.
    async fn update(&self, endpoint: &Endpoint) -> Result<()>;

    /// As `update`, for an endpoint that had this URL and has another now. Kind `Conflict` with
    /// code `endpoint_exists` as in `create`.
    async fn update_url(&self, endpoint: &Endpoint, before: &CallbackUrl) -> Result<()>;

    /// Kind `NotFound` as in `get`. Makes room for another one. Existing deliveries keep their
    /// record.
    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()>;
}
