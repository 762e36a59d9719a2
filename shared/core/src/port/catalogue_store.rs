//! The provider's catalogue as the processes of one installation share it, so that not each of them
//! asks the provider for it.

use async_trait::async_trait;
use bytes::Bytes;

use crate::base::digest::Sha256;
use crate::base::error::Result;
use crate::base::time::Timestamp;

/// A catalogue as one process has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCatalogue {
    pub read_at: Timestamp,
    /// Of the entries.
    pub sha256: Sha256,
    /// A JSON array; `None` for a caller that has them already.
    pub entries: Option<Bytes>,
}

#[async_trait]
pub trait CatalogueStore: Send + Sync {
    /// What was stored last; it may be a moment late. `None` if there is nothing that can be read.
    /// The entries are left out if `known` is their digest.
    async fn catalogue_eventual(&self, known: Option<&Sha256>) -> Result<Option<StoredCatalogue>>;

    /// True for one caller: it reads the catalogue anew, and nobody else does until it has stored
    /// one or this long has passed. False as well if the stored one is another than the caller has
    /// `seen`.
    async fn claim_catalogue(
        &self,
        seen: Option<Timestamp>,
        now: Timestamp,
        for_ms: u64,
    ) -> Result<bool>;

    /// Replaces what is stored. Of equal entries only the time is written. Does nothing if a later
    /// one is stored.
    async fn store_catalogue(&self, entries: Bytes, read_at: Timestamp) -> Result<()>;
}
