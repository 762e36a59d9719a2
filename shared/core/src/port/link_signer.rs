//! URLs that read the tenants' buckets.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::task::Output;
use crate::domain::tenant::Destination;

/// What a presigned URL may do, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct LinkTerms {
    pub method: LinkMethod,
    pub expires_ms: u64,
    /// From when, to give the same URL again; `None`: from now.
    pub from: Option<Timestamp>,
}

/// The method that a presigned URL is signed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkMethod {
    /// The object.
    Get,
    /// What is said of it, without its bytes.
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
    /// A URL that reads the object for `expires_ms` by this method and no other, without asking the
    /// bucket; what a browser must not open comes as an attachment, however it was stored.
    async fn presign(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        output: &Output,
        link: LinkTerms,
    ) -> Result<String>;
}
