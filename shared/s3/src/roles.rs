//! Whose credentials a tenant's bucket is accessed with: Fluxgate's own, or the tenant's role.

use async_trait::async_trait;
use aws_sdk_s3::client::customize::CustomizableOperation;
use aws_sdk_s3::config::{Config, Credentials, SharedCredentialsProvider};
use fluxgate_core::id::TenantId;
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::{AssumedRole, Destination};
use fluxgate_core::{Error, Result};

/// Assumes tenants' roles. Called before each operation, so implementations cache credentials while
/// they are valid.
#[async_trait]
pub trait RoleCredentials: Send + Sync {
    /// Credentials for the role. Kind `Unavailable` if it cannot be assumed now; the message tells
    /// the tenant what to check.
    async fn credentials(&self, role: &AssumedRole, tenant: &TenantId) -> Result<Credentials>;
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

/// The identity for one operation.
pub(super) struct Caller {
    /// `None`: Fluxgate itself.
    role: Option<Credentials>,
}

impl Caller {
    pub(super) fn own() -> Self {
        Self { role: None }
    }

    pub(super) async fn of(
        roles: Option<&dyn RoleCredentials>,
        destination: &Destination,
        tenant: &TenantId,
    ) -> Result<Self> {
        let role = match (&destination.role, roles) {
            (None, _) => return Ok(Self::own()),
            (Some(role), Some(roles)) => Some(roles.credentials(role, tenant).await?),
            (Some(_), None) => return Err(unsupported()),
        };
        Ok(Self { role })
    }

    /// Uses the role's keys for this one operation; the client's own keys are unchanged.
    pub(super) fn does<T, E, B>(
        &self,
        operation: CustomizableOperation<T, E, B>,
    ) -> CustomizableOperation<T, E, B> {
        match &self.role {
            Some(keys) => {
                operation.config_override(Config::builder().credentials_provider(keys.clone()))
            }
            None => operation,
        }
    }

    /// The role's keys; `None`: Fluxgate's own.
    pub(super) fn keys(&self) -> Option<&Credentials> {
        self.role.as_ref()
    }

    /// For error messages.
    pub(super) fn name(&self) -> &'static str {
        self.role.as_ref().map_or("Fluxgate", |_| "the role")
    }

    /// When the keys expire, and with them everything they signed.
    pub(super) fn expires(&self) -> Option<std::time::SystemTime> {
        self.role.as_ref()?.expiry()
    }
}

fn unsupported() -> Error {
    let text = "this installation does not assume roles; leave `role` out of the destination and let the bucket accept Fluxgate's own keys";
    Error::internal("role_unsupported", text)
}
