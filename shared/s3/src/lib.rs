//! The tenants' buckets over S3: conditional puts that the server verifies, and presigned URLs. One
//! adapter for AWS, for local mode, which has its own S3 server, and for whatever store a
//! destination names.

#![cfg_attr(
    test,
    expect(clippy::unwrap_used, reason = "a test that cannot go on panics")
)]

mod bucket;
mod client;
mod multipart;
mod presign;
mod put;
mod refusal;
mod remove;
mod roles;
mod session;
mod signer;
mod sites;
mod usage_sink;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
pub use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{LinkSigner, LinkTerms, NewObject, ObjectStore, StoreSecrets, Stored};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use tokio::sync::Semaphore;

use bucket::Bucket;
pub use roles::{RoleCredentials, fixed_keys};
use session::{Access, Scope};
pub use signer::{S3Signer, S3SignerSettings};
use sites::Address;
pub use sites::AwsAccount;
pub use usage_sink::S3UsageSink;

const MIB: u64 = 1024 * 1024;

/// Which S3, and with which keys.
#[derive(Debug, Clone)]
pub struct S3StoreSettings {
    /// `None`: AWS's endpoint for the region.
    pub endpoint: Option<String>,
    /// The endpoint in presigned URLs, as tenants reach it; `None`: the same.
    pub public_endpoint: Option<String>,
    pub region: String,
    /// Fluxgate's own keys, for destinations without a role.
    pub credentials: SharedCredentialsProvider,
    /// Path-style addressing: `endpoint/bucket/key` instead of `bucket.endpoint/key`.
    pub force_path_style: bool,
    /// `None`: a client that trusts the system's certificates.
    pub http: Option<SharedHttpClient>,
    pub limits: S3Limits,
}

/// Time-outs, retries and part sizes.
#[derive(Debug, Clone, Copy)]
pub struct S3Limits {
    pub connect_timeout_ms: u64,
    /// One attempt, including the transfer.
    pub attempt_timeout_ms: u64,
    /// All attempts of one operation.
    pub operation_timeout_ms: u64,
    /// Attempts of one operation, including the first; at least 1.
    pub attempts_max: u32,
    /// An object over this size is sent in parts. `None`: never, for an S3 server without
    /// multipart.
    pub multipart_over_bytes: Option<u64>,
    /// The size of a part, which is held in memory while it is sent. S3's minimum is 5 MiB.
    pub part_bytes: u64,
    /// All parts of one object together.
    pub multipart_timeout_ms: u64,
    /// Parts in memory at once, of all objects together.
    pub parts_at_once: usize,
}

impl Default for S3Limits {
    /// The sum stays below a job's lease of five minutes: a put and the check for an existing
    /// object.
    fn default() -> Self {
        Self {
            connect_timeout_ms: 3_000,
            attempt_timeout_ms: 60_000,
            operation_timeout_ms: 120_000,
            attempts_max: 3,
            multipart_over_bytes: Some(64 * MIB),
            part_bytes: 16 * MIB,
            multipart_timeout_ms: 150_000,
            parts_at_once: 4,
        }
    }
}

/// The HTTP clients for stores that are not the installation's own.
#[derive(Clone)]
pub struct StoreHttp {
    /// For endpoints that a destination names: it calls only what the guard allows, on the tenant's
    /// account.
    pub named: Arc<dyn Fn(&TenantId) -> SharedHttpClient + Send + Sync>,
    /// For AWS; `None`: as for all others.
    pub aws: Option<SharedHttpClient>,
}

/// [`ObjectStore`] and [`LinkSigner`] on S3.
pub struct S3ObjectStore {
    /// The client for the installation's own store.
    client: Client,
    signer: S3Signer,
    limits: S3Limits,
    parts: Semaphore,
    /// `None`: there are no other stores.
    http: Option<StoreHttp>,
}

impl S3ObjectStore {
    /// Does not connect yet. A destination with a role is refused with code `role_unsupported`, one
    /// with a store of its own with `store_unsupported`.
    pub fn new(settings: S3StoreSettings) -> Self {
        let limits = settings.limits;
        let address = Address {
            endpoint: settings.endpoint.clone(),
            region: settings.region.clone(),
            path_style: settings.force_path_style,
        };
        let credentials = settings.credentials.clone();
        let signer = S3Signer::new(S3SignerSettings {
            endpoint: settings.public_endpoint.or(settings.endpoint),
            region: settings.region,
            credentials: settings.credentials,
            force_path_style: settings.force_path_style,
        });
        Self {
            client: client::client(&address, credentials, settings.http, limits),
            signer,
            limits,
            parts: Semaphore::new(limits.parts_at_once),
            http: None,
        }
    }

    /// A store that assumes tenants' roles.
    #[must_use]
    pub fn with_roles(self, roles: Arc<dyn RoleCredentials>) -> Self {
        Self {
            signer: self.signer.with_roles(roles),
            ..self
        }
    }

    /// A store that also writes to AWS in any region, and to stores that destinations name.
    #[must_use]
    pub fn with_stores(
        self,
        aws: AwsAccount,
        secrets: Arc<dyn StoreSecrets>,
        http: StoreHttp,
    ) -> Self {
        Self {
            signer: self.signer.with_stores(aws, secrets),
            http: Some(http),
            ..self
        }
    }

    /// A client of another store is made for one operation: its connections are the HTTP client's,
    /// which is shared.
    async fn bucket<'a>(
        &self,
        tenant: &TenantId,
        destination: &'a Destination,
        scope: Scope<'_>,
    ) -> Result<Bucket<'a>> {
        let site = self.signer.site(tenant, destination, scope).await?;
        let client = match (&destination.store, &self.http) {
            (Some(store), Some(http)) => {
                // Said plainly, before the client says that it cannot sign.
                site.credentials().await?;
                let aws = http.aws.clone().filter(|_| store.endpoint.is_none());
                let http = aws.unwrap_or_else(|| (http.named)(tenant));
                client::client(&site.address, site.own(), Some(http), S3Limits::default())
            }
            _ => self.client.clone(),
        };
        Ok(Bucket::new(client, destination, site.caller))
    }

    /// The bounds for an object of this destination.
    fn limits(&self, destination: &Destination) -> S3Limits {
        match destination.store {
            Some(_) => S3Limits::default(),
            None => self.limits,
        }
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn ready(&self, tenant: &TenantId, destination: &Destination) -> Result<()> {
        let scope = Scope::of(Access::Write, destination, &destination.bucket, None);
        let site = self.signer.site(tenant, destination, scope).await?;
        site.credentials().await.map(drop)
    }

    async fn put_new(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        object: NewObject,
    ) -> Result<Stored> {
        let key = Some(object.key.as_str());
        let scope = Scope::of(Access::Write, destination, &destination.bucket, key);
        let bucket = self.bucket(tenant, destination, scope).await?;
        let limits = self.limits(destination);
        if limits
            .multipart_over_bytes
            .is_some_and(|most| object.bytes > most)
        {
            return Box::pin(multipart::put_new(&bucket, object, limits, &self.parts)).await;
        }
        put::put_new(&bucket, object).await
    }

    async fn remove(&self, tenant: &TenantId, destination: &Destination, key: &str) -> Result<()> {
        let scope = Scope::of(Access::Remove, destination, &destination.bucket, Some(key));
        let bucket = self.bucket(tenant, destination, scope).await?;
        remove::remove(&bucket, key).await
    }
}

#[async_trait]
impl LinkSigner for S3ObjectStore {
    async fn presign(
        &self,
        tenant: &TenantId,
        to: &Destination,
        output: &Output,
        link: LinkTerms,
    ) -> Result<String> {
        self.signer.presign(tenant, to, output, link).await
    }
}
