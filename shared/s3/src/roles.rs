//! Credentials that the installation hands to this adapter.

use async_trait::async_trait;
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::AssumedRole;

/// Assumes tenants' roles. Called before each operation, so implementations cache credentials while
/// they are valid.
#[async_trait]
pub trait RoleCredentials: Send + Sync {
    /// Credentials for the role that allow no more than the policy. Kind `Unavailable` if it cannot
    /// be assumed now; the message tells the tenant what to check.
    async fn credentials(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        policy: &str,
    ) -> Result<Credentials>;
}

/// Keys that never expire, for an S3 server that issues such keys.
pub fn fixed_keys(access_key: &str, secret_key: &Secret) -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new(
        access_key,
        secret_key.expose(),
        None,
        None,
        "settings",
    ))
}
