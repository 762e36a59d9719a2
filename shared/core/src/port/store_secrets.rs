//! The secrets that tenants' stores are accessed with.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::seal::Sealed;
use crate::base::secret::Secret;

#[async_trait]
pub trait StoreSecrets: Send + Sync {
    /// The secret access key of one of the tenant's destinations. It opens for no other tenant.
    async fn open(&self, tenant: &TenantId, sealed: &Sealed) -> Result<Secret>;
}
