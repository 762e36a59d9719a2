//! The tenants' buckets over S3: conditional puts that the server verifies, and presigned URLs. One
//! adapter for AWS and for local mode, which has its own S3 server.

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
mod roles;
mod signer;
mod usage_sink;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::Client;
pub use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider, SharedHttpClient};
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{LinkSigner, LinkTerms, NewObject, ObjectStore, Stored};
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;

use bucket::Bucket;
pub use roles::{RoleCredentials, fixed_keys};
pub use signer::{S3Signer, S3SignerSettings};
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
        }
    }
}

/// [`ObjectStore`] and [`LinkSigner`] on S3.
pub struct S3ObjectStore {
    /// The client for reads and writes.
    client: Client,
    signer: S3Signer,
    limits: S3Limits,
}

impl S3ObjectStore {
    /// Does not connect yet. A destination with a role is refused with code `role_unsupported`.
    pub fn new(settings: S3StoreSettings) -> Self {
        let limits = settings.limits;
        let signer = S3Signer::new(S3SignerSettings {
            endpoint: settings
                .public_endpoint
                .clone()
                .or_else(|| settings.endpoint.clone()),
            region: settings.region.clone(),
            credentials: settings.credentials.clone(),
            force_path_style: settings.force_path_style,
        });
        Self {
            client: client::client(settings),
            signer,
            limits,
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
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn put_new(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        object: NewObject,
    ) -> Result<Stored> {
        let caller = self.signer.caller(destination, tenant).await?;
        let bucket = Bucket::new(&self.client, destination, caller);
        if self
            .limits
            .multipart_over_bytes
            .is_some_and(|most| object.bytes > most)
        {
            return Box::pin(multipart::put_new(&bucket, object, self.limits)).await;
        }
        put::put_new(&bucket, object).await
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
