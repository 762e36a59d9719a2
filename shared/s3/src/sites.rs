//! Which S3 a destination is in, and as whom it is accessed: with the installation's own
//! credentials, in the tenant's role, or with the keys of the destination.

use std::sync::Arc;
use std::time::SystemTime;

use aws_credential_types::provider::ProvideCredentials as _;
use aws_sdk_s3::client::customize::CustomizableOperation;
use aws_sdk_s3::config::{Config, Credentials, SharedCredentialsProvider};
use fluxgate_core::id::TenantId;
use fluxgate_core::port::StoreSecrets;
use fluxgate_core::tenant::{AssumedRole, Destination, S3Store, StoreKeys};
use fluxgate_core::{Error, Result};

use super::roles::RoleCredentials;
use super::session::Scope;

/// AWS, for destinations that name one of its regions.
#[derive(Debug, Clone)]
pub struct AwsAccount {
    /// `None`: AWS's endpoint for each region.
    pub endpoint: Option<String>,
    pub credentials: SharedCredentialsProvider,
    pub force_path_style: bool,
}

/// How an S3 is addressed.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) endpoint: Option<String>,
    pub(super) region: String,
    pub(super) path_style: bool,
}

/// Where one operation goes, and with whose credentials.
pub(super) struct Site {
    pub(super) address: Address,
    pub(super) caller: Caller,
    /// The installation's own at this address.
    own: SharedCredentialsProvider,
}

impl Site {
    /// Kind `Unavailable` if the installation has none now.
    pub(super) async fn credentials(&self) -> Result<Credentials> {
        match self.caller.keys() {
            Some(keys) => Ok(keys.clone()),
            None => self
                .own
                .provide_credentials()
                .await
                .map_err(|error| no_credentials().source(error)),
        }
    }

    /// For a client of this address.
    pub(super) fn own(&self) -> SharedCredentialsProvider {
        self.own.clone()
    }
}

/// The identity for one operation.
pub(super) enum Caller {
    /// Fluxgate itself.
    Own,
    Role(Credentials),
    /// The destination's own key pair.
    Keys(Credentials),
}

impl Caller {
    /// Uses these keys for this one operation; the client's own keys are unchanged.
    pub(super) fn does<T, E, B>(
        &self,
        operation: CustomizableOperation<T, E, B>,
    ) -> CustomizableOperation<T, E, B> {
        match self.keys() {
            Some(keys) => {
                operation.config_override(Config::builder().credentials_provider(keys.clone()))
            }
            None => operation,
        }
    }

    /// `None`: Fluxgate's own.
    pub(super) fn keys(&self) -> Option<&Credentials> {
        match self {
            Self::Own => None,
            Self::Role(keys) | Self::Keys(keys) => Some(keys),
        }
    }

    /// For error messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Own => "Fluxgate",
            Self::Role(_) => "the role",
            Self::Keys(_) => "the destination's keys",
        }
    }

    /// When the keys expire, and with them everything they signed.
    pub(super) fn expires(&self) -> Option<SystemTime> {
        self.keys()?.expiry()
    }
}

/// Every S3 that this process may reach.
pub(super) struct Sites {
    pub(super) own: Address,
    pub(super) credentials: SharedCredentialsProvider,
    pub(super) aws: Option<AwsAccount>,
    pub(super) roles: Option<Arc<dyn RoleCredentials>>,
    pub(super) secrets: Option<Arc<dyn StoreSecrets>>,
}

impl Sites {
    /// Kind `Internal` with code `role_unsupported` or `store_unsupported` for what this
    /// installation was not set up for.
    pub(super) async fn of(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        scope: Scope<'_>,
    ) -> Result<Site> {
        let role = destination.role.as_ref();
        let Some(store) = &destination.store else {
            return Ok(Site {
                address: self.own.clone(),
                caller: self.caller(tenant, role, scope).await?,
                own: self.credentials.clone(),
            });
        };
        let caller = match &store.keys {
            Some(keys) => Caller::Keys(self.opened(tenant, keys).await?),
            None => self.caller(tenant, role, scope).await?,
        };
        self.named(store, caller)
    }

    fn named(&self, store: &S3Store, caller: Caller) -> Result<Site> {
        if let Some(endpoint) = &store.endpoint {
            let address = Address {
                endpoint: Some(endpoint.clone()),
                region: store.region.clone(),
                path_style: store.path_style,
            };
            return Ok(Site {
                address,
                caller,
                own: self.credentials.clone(),
            });
        }
        let aws = self.aws.as_ref().ok_or_else(store_unsupported)?;
        let address = Address {
            endpoint: aws.endpoint.clone(),
            region: store.region.clone(),
            path_style: aws.force_path_style,
        };
        Ok(Site {
            address,
            caller,
            own: aws.credentials.clone(),
        })
    }

    async fn caller(
        &self,
        tenant: &TenantId,
        role: Option<&AssumedRole>,
        scope: Scope<'_>,
    ) -> Result<Caller> {
        match (role, &self.roles) {
            (None, _) => Ok(Caller::Own),
            (Some(role), Some(roles)) => {
                let policy = scope.policy(role);
                let keys = roles.credentials(role, tenant, &policy).await?;
                Ok(Caller::Role(keys))
            }
            (Some(_), None) => Err(role_unsupported()),
        }
    }

    async fn opened(&self, tenant: &TenantId, keys: &StoreKeys) -> Result<Credentials> {
        let secrets = self.secrets.as_ref().ok_or_else(store_unsupported)?;
        let secret = secrets.open(tenant, &keys.secret_access_key).await?;
        let (id, secret) = (keys.access_key_id.clone(), secret.expose());
        Ok(Credentials::new(id, secret, None, None, "destination"))
    }
}

fn no_credentials() -> Error {
    let text = "this installation has no AWS credentials; give it some, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or an instance role";
    Error::unavailable("bucket_unavailable", text)
}

fn role_unsupported() -> Error {
    let text = "this installation does not assume roles; leave `role` out of the destination and let the bucket accept Fluxgate's own keys";
    Error::internal("role_unsupported", text)
}

fn store_unsupported() -> Error {
    let text = "this installation only writes to its own store; leave endpoint, region and keys out of the destination";
    Error::internal("store_unsupported", text)
}
