//! Whom a token's issuer may speak for.

use std::sync::Arc;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::tenant::{Tenant, Trust};
use crate::port::TenantStore;

/// What is asked before it is known who calls.
pub struct Trusts {
    tenants: Arc<dyn TenantStore>,
}

impl Trusts {
    pub fn new(tenants: Arc<dyn TenantStore>) -> Self {
        Self { tenants }
    }

    /// Which tenants trust this issuer, and how.
    pub async fn of_issuer(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        self.tenants.trusting(issuer).await
    }

    /// Kind `NotFound` when there is none. May be a moment late about changes, never about whether
    /// there is such a tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Tenant> {
        self.tenants.get_eventual(id).await
    }
}
