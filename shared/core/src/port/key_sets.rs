//! The documents of token issuers: key sets, and the configurations that name them.

use async_trait::async_trait;
use serde_json::Value;
use url::Url;

use crate::base::error::Result;
use crate::base::id::TenantId;

/// Fetches what an issuer publishes. Which keys to trust is not its business.
#[async_trait]
pub trait KeySetFetcher: Send + Sync {
    /// The body of a 200. Bounds the time and the size itself, follows no redirect, and decides
    /// which schemes and addresses are allowed. Any error means that the document cannot be had
    /// now. The name is looked up at the tenant's expense.
    async fn get_json(&self, tenant: &TenantId, url: &Url) -> Result<Value>;
}
