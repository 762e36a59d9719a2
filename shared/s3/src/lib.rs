//! The tenants' buckets over S3: conditional puts that the server verifies, and presigned URLs. One adapter for AWS and for one
//! machine, which speaks S3 to itself.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that cannot go on panics"))]

mod client;
mod presign;
mod put;
mod refusal;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{NewObject, ObjectStore, Stored};
use fluxgate_core::signature::Secret;
use fluxgate_core::task::Output;
use fluxgate_core::tenant::Destination;
use fluxgate_core::{Error, Result};

/// Which S3, and as whom.
#[derive(Debug, Clone)]
pub struct S3StoreSettings {
    /// `None`: AWS's own of the region.
    pub endpoint: Option<String>,
    /// Under which name tenants reach it, for presigned URLs; `None`: under the same.
    pub public_endpoint: Option<String>,
    pub region: String,
    /// Access key and secret key. `None`, the machine's own role, is not supported yet.
    pub credentials: Option<(String, Secret)>,
    /// `endpoint/bucket/key` in place of `bucket.endpoint/key`.
    pub force_path_style: bool,
    pub limits: S3Limits,
}

/// How long S3 is waited for, and how often it is asked.
#[derive(Debug, Clone, Copy)]
pub struct S3Limits {
    pub connect_timeout_ms: u64,
    /// One try, the bytes included.
    pub attempt_timeout_ms: u64,
    /// All tries of one operation.
    pub operation_timeout_ms: u64,
    /// Tries of one operation, the first included; at least 1.
    pub attempts_max: u32,
}

impl Default for S3Limits {
    /// Together below a job's lease of five minutes: a put and the look at what was there before.
    fn default() -> Self {
        Self { connect_timeout_ms: 3_000, attempt_timeout_ms: 60_000, operation_timeout_ms: 120_000, attempts_max: 3 }
    }
}

/// [`ObjectStore`] on S3.
pub struct S3ObjectStore {
    /// Reads and writes.
    client: Client,
    /// Signs URLs and never connects.
    signer: Client,
}

impl S3ObjectStore {
    /// Connects to nothing yet. Fails with kind `Invalid` when the settings hold no credentials.
    pub fn new(settings: S3StoreSettings) -> Result<Self> {
        let (client, signer) = client::clients(settings)?;
        Ok(Self { client, signer })
    }
}

/// The one place where a tenant's role will be assumed.
fn refuse_role(destination: &Destination) -> Result<()> {
    match destination.role {
        None => Ok(()),
        Some(_) => Err(Error::internal("role_unsupported", "roles of tenants cannot be assumed yet; leave `role` out")),
    }
}

#[async_trait]
impl ObjectStore for S3ObjectStore {
    async fn put_new(&self, _tenant: &TenantId, destination: &Destination, object: NewObject) -> Result<Stored> {
        refuse_role(destination)?;
        put::put_new(&self.client, &destination.bucket, object).await
    }

    async fn presign(
        &self,
        _tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        expires_ms: u64,
    ) -> Result<String> {
        refuse_role(destination)?;
        presign::presign(&self.signer, output, expires_ms).await
    }
}
