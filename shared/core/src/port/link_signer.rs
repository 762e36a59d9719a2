//! URLs for reading objects in tenants' buckets.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::task::Output;
use crate::domain::tenant::Destination;

/// What a presigned URL allows, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct LinkTerms {
    pub method: LinkMethod,
    pub expires_ms: u64,
    /// Start of validity, so that the same URL can be produced again; `None` for now.
    pub from: Option<Timestamp>,
}

/// The method that a presigned URL is valid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMethod {
    /// Reads the object.
    Get,
    /// Reads the object's metadata only.
    Head,
}

impl LinkTerms {
    /// A download.
    pub fn get(expires_ms: u64) -> Self {
        Self {
            method: LinkMethod::Get,
            expires_ms,
            from: None,
        }
    }
}

#[async_trait]
pub trait LinkSigner: Send + Sync {
    /// A URL for reading the object with this method only, valid for `expires_ms`; signed without
    /// contacting the bucket. Types that a browser must not open are sent as attachments, however
    /// they were stored.
    async fn presign(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        link: LinkTerms,
    ) -> Result<String>;
}
