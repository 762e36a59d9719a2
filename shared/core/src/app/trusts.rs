//! Looks up the tenants for which an issuer's tokens are accepted.

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::tenant::{Tenant, Trust};
use crate::port::{KeySetFetcher, TenantStore};

/// Lookups that are needed before the caller is known.
pub struct Trusts {
    tenants: Arc<dyn TenantStore>,
    issuers: Arc<dyn KeySetFetcher>,
}

impl Trusts {
    pub fn new(tenants: Arc<dyn TenantStore>, issuers: Arc<dyn KeySetFetcher>) -> Self {
        Self { tenants, issuers }
    }

    /// The tenants that trust this issuer, with their trusts.
    pub async fn of_issuer(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        self.tenants.trusting(issuer).await
    }

    /// What an issuer publishes at this address, for the tenant that trusts it. Any error means
    /// that it cannot be had now.
    pub async fn published(&self, tenant: &TenantId, url: &Url) -> Result<Value> {
        self.issuers.get_json(tenant, url).await
    }

    /// Kind `NotFound` when there is none. May be a moment late about changes, never about whether
    /// there is such a tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Tenant> {
        self.tenants.get_eventual(id).await
    }
}
