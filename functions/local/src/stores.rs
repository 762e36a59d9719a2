//! The wiring of the stores that outputs go to: this process's own buckets, AWS, and those that
//! destinations name.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::app::{DestinationProbe, Vault};
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{NewObject, ObjectStore, Purpose, Stored, SystemClock, SystemEntropy};
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::{AssumedRole, Destination};
use fluxgate_embedded::objects::{FolderObjectStore, Objects};
use fluxgate_outbound::{BucketReader, Guard, Roots, store_http};
use fluxgate_s3::{
    AwsAccount, Credentials, RoleCredentials, S3Limits, S3ObjectStore, S3Signer, S3SignerSettings,
    S3StoreSettings, StoreHttp, fixed_keys,
};
use fluxgate_sts::{RoleBounds, StsRoles, StsSettings};

use crate::aws;
use crate::destinations::Stores;

/// The S3 server of this process has but one.
const REGION: &str = "us-east-1";
/// Where it is while it does not run; nothing calls it then.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The adapters to every store, made from the same parts.
pub(crate) struct StoreParts {
    pub(crate) objects: Arc<dyn ObjectStore>,
    /// Of links as tenants reach the buckets.
    pub(crate) signer: Arc<S3ObjectStore>,
    pub(crate) reader: Arc<BucketReader>,
    roles: Arc<StsRoles>,
    guard: Arc<Guard>,
}

/// The S3 server of this process.
pub(crate) struct OwnStore {
    /// By its own address.
    pub(crate) endpoint: String,
    /// As tenants reach it, if that is another one.
    pub(crate) public_endpoint: Option<String>,
    pub(crate) access_key: String,
    pub(crate) secret_key: Secret,
    /// What it serves; `None` where it does not run.
    pub(crate) objects: Option<Objects>,
}

impl StoreParts {
    pub(crate) fn new(own: &OwnStore, vault: Vault, guard: &Arc<Guard>) -> Self {
        let guarded = guard.client(Purpose::Store);
        let account = aws_account();
        let roles = Arc::new(roles(&account));
        let assumed: Arc<dyn RoleCredentials> = Arc::new(AssumedRoles(roles.clone()));
        let vault = Arc::new(vault);
        let http = StoreHttp {
            named: {
                let guarded = guarded.clone();
                Arc::new(move |tenant: &TenantId| store_http(&guarded, tenant))
            },
            aws: None,
        };
        let others = own.others().with_roles(assumed.clone()).with_stores(
            account.clone(),
            vault.clone(),
            http,
        );
        let others = Arc::new(others);
        let signer = own.signer().with_roles(assumed).with_stores(account, vault);
        Self {
            objects: Arc::new(ByDestination {
                own: own.objects.clone().map(FolderObjectStore::new),
                others: others.clone(),
            }),
            signer: others,
            reader: Arc::new(BucketReader::new(Arc::new(signer), Roots::System, guarded)),
            roles,
            guard: guard.clone(),
        }
    }

    /// For the operator of a server.
    pub(crate) fn stores(&self) -> Stores {
        Stores {
            own: Some(self.probe()),
            own_objects: Some(self.objects.clone()),
            ..self.stores_of_others()
        }
    }

    fn stores_of_others(&self) -> Stores {
        Stores {
            guard: self.guard.clone(),
            roles: self.roles.clone(),
            own: None,
            own_objects: None,
            others: self.probe(),
        }
    }

    fn probe(&self) -> DestinationProbe {
        let (objects, reader) = (self.objects.clone(), self.reader.clone());
        DestinationProbe::new(objects, reader, Arc::new(SystemEntropy))
    }
}

/// For the operator's commands beside a server or without one: every store but the S3 server, whose
/// objects only a command that holds the folder has.
pub(crate) fn stores_of_commands(
    vault: Vault,
    guard: &Arc<Guard>,
    objects: Option<Objects>,
) -> Stores {
    let nowhere = OwnStore {
        endpoint: NOWHERE.to_owned(),
        public_endpoint: None,
        access_key: String::new(),
        secret_key: Secret::new(""),
        objects,
    };
    let parts = StoreParts::new(&nowhere, vault, guard);
    Stores {
        own_objects: nowhere.objects.is_some().then(|| parts.objects.clone()),
        ..parts.stores_of_others()
    }
}

fn aws_account() -> AwsAccount {
    let endpoint = aws::endpoint();
    AwsAccount {
        // A stand-in for AWS has no wildcard DNS names.
        force_path_style: endpoint.is_some(),
        endpoint,
        credentials: aws::credentials(),
    }
}

fn roles(account: &AwsAccount) -> StsRoles {
    let settings = StsSettings {
        region: aws::sts_region(),
        endpoint: account.endpoint.clone(),
        credentials: account.credentials.clone(),
        http: None,
    };
    StsRoles::new(settings, Arc::new(SystemClock), RoleBounds::default())
}

/// Chooses the adapter by the destination: what goes to this process's own buckets needs no client.
struct ByDestination {
    /// `None` where the server does not run.
    own: Option<FolderObjectStore>,
    others: Arc<S3ObjectStore>,
}

impl ByDestination {
    fn of(&self, destination: &Destination) -> &dyn ObjectStore {
        let is_own = destination.store.is_none() && destination.role.is_none();
        match &self.own {
            Some(own) if is_own => own,
            _ => &*self.others,
        }
    }
}

#[async_trait]
impl ObjectStore for ByDestination {
    async fn ready(
        &self,
        tenant: &TenantId,
        destination: &Destination,
    ) -> fluxgate_core::Result<()> {
        self.of(destination).ready(tenant, destination).await
    }

    async fn put_new(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        object: NewObject,
    ) -> fluxgate_core::Result<Stored> {
        let store = self.of(destination);
        store.put_new(tenant, destination, object).await
    }

    async fn remove(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        key: &str,
    ) -> fluxgate_core::Result<()> {
        self.of(destination).remove(tenant, destination, key).await
    }
}

struct AssumedRoles(Arc<StsRoles>);

#[async_trait]
impl RoleCredentials for AssumedRoles {
    async fn credentials(
        &self,
        role: &AssumedRole,
        tenant: &TenantId,
        policy: &str,
    ) -> fluxgate_core::Result<Credentials> {
        self.0.credentials(role, tenant, policy).await
    }
}

impl OwnStore {
    /// Signs for this process itself.
    fn signer(&self) -> S3Signer {
        S3Signer::new(S3SignerSettings {
            endpoint: Some(self.endpoint.clone()),
            region: REGION.to_owned(),
            credentials: fixed_keys(&self.access_key, &self.secret_key),
            force_path_style: true,
        })
    }

    /// The client of all other stores.
    fn others(&self) -> S3ObjectStore {
        S3ObjectStore::new(S3StoreSettings {
            endpoint: Some(self.endpoint.clone()),
            public_endpoint: self.public_endpoint.clone(),
            region: REGION.to_owned(),
            credentials: fixed_keys(&self.access_key, &self.secret_key),
            force_path_style: true,
            http: None,
            // The in-process server accepts whole objects only.
            limits: S3Limits {
                multipart_over_bytes: None,
                ..S3Limits::default()
            },
        })
    }
}
