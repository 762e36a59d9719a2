//! Tenants.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::TenantId;
use crate::tenant::{Tenant, Trust};

#[async_trait]
pub trait TenantStore: Send + Sync {
    /// Kind `Conflict` with code `tenant_exists` when there is one of that id already.
    async fn create(&self, tenant: &Tenant) -> Result<()>;

    /// Kind `NotFound` when there is none.
    async fn get(&self, id: &TenantId) -> Result<Tenant>;

    /// All tenants by id.
    async fn list(&self) -> Result<Vec<Tenant>>;

    /// Which tenants trust this issuer, and how.
    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>>;
}
