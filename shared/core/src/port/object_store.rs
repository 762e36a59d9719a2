//! The tenants' buckets, to be written.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::task::Output;
use crate::domain::tenant::Destination;

/// Bytes on their way into a bucket: in memory when small, in a file that removes itself when not.
pub enum ObjectBody {
    Memory(Bytes),
    File(Box<dyn AsRef<Path> + Send + Sync>),
}

/// An object to be written.
pub struct NewObject {
    pub key: String,
    pub body: ObjectBody,
    pub bytes: u64,
    /// Checked by the store against what arrives, and kept in the object's metadata as hex.
    pub sha256: crate::base::digest::Sha256,
    pub content_type: String,
    /// `attachment` for what a browser must not open by itself; kept with the object and sent with
    /// every download.
    pub content_disposition: Option<&'static str>,
    /// What the provider called it, kept in the object's metadata; printable ASCII.
    pub provider_type: Option<String>,
}

/// What became of a conditional put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Created(Output),
    /// The key was taken; this is what lies there.
    Existing(Output),
}

impl Stored {
    pub fn output(self) -> Output {
        match self {
            Self::Created(output) | Self::Existing(output) => output,
        }
    }
}

#[async_trait]
pub trait ObjectStore: Send + Sync {
    /// Writes the object if its key is free; of many at once one creates it. Kind `Unavailable`
    /// when the bucket cannot be written now, kind `Forbidden` when it may not be. Type,
    /// disposition and the provider's type are kept with the object.
    async fn put_new(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        object: NewObject,
    ) -> Result<Stored>;
}
