//! Looks up the tenants for which an issuer's tokens are accepted.

use std::sync::Arc;

use serde_json::{Map, Value};
use url::Url;

use crate::base::error::Result;
use crate::base::id::{KeyId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::tenant::{FittingTrusts, Issuer, Tenant, Trust};
use crate::port::{ApiKeyStore, KeySetFetcher, TenantStore};

/// Lookups that are needed before the caller is known.
pub struct Trusts {
    tenants: Arc<dyn TenantStore>,
    issuers: Arc<dyn KeySetFetcher>,
    /// Where this installation issues keys itself.
    keys: Option<Arc<dyn ApiKeyStore>>,
}

impl Trusts {
    pub fn new(tenants: Arc<dyn TenantStore>, issuers: Arc<dyn KeySetFetcher>) -> Self {
        Self {
            tenants,
            issuers,
            keys: None,
        }
    }

    /// With the API keys that this installation issues itself.
    #[must_use]
    pub fn with_keys(self, keys: Arc<dyn ApiKeyStore>) -> Self {
        Self {
            keys: Some(keys),
            ..self
        }
    }

    /// This installation as an issuer; `None` before its first key.
    pub async fn own_issuer(&self) -> Result<Option<Issuer>> {
        match &self.keys {
            Some(keys) => keys.issuer().await,
            None => Ok(None),
        }
    }

    /// Remembers the hour of an API key's last use.
    pub async fn note_key_use(&self, tenant: &TenantId, id: &KeyId, hour: Timestamp) -> Result<()> {
        match &self.keys {
            Some(keys) => keys.note_key_use(tenant, id, hour).await,
            None => Ok(()),
        }
    }

    /// As [`Self::tenant`], read consistently.
    pub async fn tenant_now(&self, id: &TenantId) -> Result<Tenant> {
        self.tenants.get(id).await
    }

    /// The tenants that trust this issuer, with their trusts.
    pub async fn of_issuer(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        self.tenants.trusting(issuer).await
    }

    /// Of these the trusts that a token's claims fit.
    pub async fn fitting(
        &self,
        issuer: &str,
        claims: &Map<String, Value>,
    ) -> Result<FittingTrusts> {
        self.tenants.fitting(issuer, claims).await
    }

    /// What an issuer publishes at this address, for the tenant that trusts it. Any error means
    /// that it cannot be had now.
    pub async fn published(&self, tenant: &TenantId, url: &Url) -> Result<Value> {
        self.issuers.get_json(tenant, url).await
    }

    /// Kind `NotFound` when there is none. May be a moment late about changes, never about whether
    /// there is such a tenant.
    pub async fn tenant(&self, id: &TenantId) -> Result<Arc<Tenant>> {
        self.tenants.get_eventual(id).await
    }
}
