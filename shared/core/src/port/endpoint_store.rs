//! Endpoints.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{EndpointId, TenantId};
use crate::domain::webhook::Endpoint;

/// A tenant's endpoints, oldest first.
#[derive(Debug, Clone, Default)]
pub struct EndpointList {
    pub endpoints: Vec<Endpoint>,
    /// Those that are there and cannot be read, as after going back to an older release.
    pub unreadable: Vec<EndpointId>,
}

impl EndpointList {
    pub fn len(&self) -> usize {
        self.endpoints.len() + self.unreadable.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one as it was read. What cannot be read is told in the log.
    pub fn push(&mut self, tenant: &TenantId, id: EndpointId, endpoint: Result<Endpoint>) {
        match endpoint {
            Ok(endpoint) => self.endpoints.push(endpoint),
            Err(error) => {
                let error = error.with_causes();
                tracing::error!(tenant.id = %tenant, endpoint.id = %id, error, "an endpoint cannot be read; its events are held");
                self.unreadable.push(id);
            }
        }
    }
}

#[async_trait]
pub trait EndpointStore: Send + Sync {
    /// Creates the endpoint. Kind `Conflict` with code `too_many_endpoints`, and nothing is
    /// written, when the tenant has as many as it may have, or more: however many are created at
    /// once, it never has more and is never refused one before. Every endpoint that is there
    /// counts, whoever wrote it and whether or not it can be read.
    async fn create(&self, endpoint: &Endpoint, endpoints_max: usize) -> Result<()>;

    /// Kind `NotFound` for an id that does not exist or belongs to another tenant.
    async fn get(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint>;

    /// As `get`, for half the price where that counts: it may be a moment late about changes, never
    /// about whether there is such an endpoint.
    async fn get_eventual(&self, tenant: &TenantId, id: &EndpointId) -> Result<Endpoint>;

    /// The tenant's endpoints. One that cannot be read keeps no other from being listed.
    async fn list(&self, tenant: &TenantId) -> Result<EndpointList>;

    /// Disables the endpoint if it is still there; one that was deleted meanwhile stays deleted.
    async fn disable(&self, tenant: &TenantId, id: &EndpointId) -> Result<()>;

    /// Kind `NotFound` as in `get`. It makes room for one other. Deliveries already made keep their
    /// record.
    async fn delete(&self, tenant: &TenantId, id: &EndpointId) -> Result<()>;
}
