//! Fetching what the vendor produced.

use async_trait::async_trait;

use super::object_store::ObjectBody;
use crate::digest::Sha256;
use crate::error::Result;

/// A fetched file, digested and sniffed as it passed.
pub struct Fetched {
    pub body: ObjectBody,
    pub bytes: u64,
    pub sha256: Sha256,
    /// Sniffed from the bytes, whatever the server called it.
    pub content_type: &'static str,
    /// Without the dot.
    pub extension: &'static str,
}

#[async_trait]
pub trait OutputFetcher: Send + Sync {
    /// Fetches one output through the guard, in one pass.
    ///
    /// Kind `Invalid` for a forbidden address, kind `TooLarge` over `bytes_max`; kind `Unavailable` when the server does not
    /// answer 200 in `timeout_ms`, sends less than it announced, or sends what is not a picture, a video or a sound.
    async fn fetch(&self, url: &str, bytes_max: u64, timeout_ms: u64) -> Result<Fetched>;
}
