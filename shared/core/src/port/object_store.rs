//! Writing to tenants' buckets.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::task::Output;
use crate::domain::tenant::Destination;

/// The content of an object to write: in memory if small, otherwise in a temporary file that
/// deletes itself.
pub enum ObjectBody {
    Memory(Bytes),
    File(Box<dyn AsRef<Path> + Send + Sync>),
}

/// An object to write.
pub struct NewObject {
    pub key: String,
    pub body: ObjectBody,
    pub bytes: u64,
    /// Checked by the store against the bytes that it receives, and kept in the object's metadata
    /// as hex. A file that stays on this machine is not read again.
    pub sha256: crate::base::digest::Sha256,
    pub content_type: String,
    /// `attachment` for types that a browser must not open by itself; stored with the object and
    /// sent with every download.
    pub content_disposition: Option<&'static str>,
    /// The content type given by the provider, kept in the object's metadata; printable ASCII.
    pub provider_type: Option<String>,
}

/// The result of a conditional put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    Created(Output),
    /// The key was taken; this is the existing object.
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
    /// Gets ready what a put needs besides the bytes: the role is assumed, keys are opened. Fails
    /// as the put would, so that nothing is fetched that cannot be stored. Writes nothing.
    async fn ready(&self, tenant: &TenantId, destination: &Destination) -> Result<()>;

    /// Writes the object if its key is free; of several concurrent writes exactly one creates it.
    /// In a store without conditional puts it is written in any case. Kind `Unavailable` if the
    /// bucket cannot be written now, kind `Forbidden` if access is denied. Content type,
    /// disposition and the provider's type are stored with the object.
    async fn put_new(
        &self,
        tenant: &TenantId,
        destination: &Destination,
        object: NewObject,
    ) -> Result<Stored>;

    /// Removes an object that no task names. Whether it existed makes no difference.
    async fn remove(&self, tenant: &TenantId, destination: &Destination, key: &str) -> Result<()>;
}
