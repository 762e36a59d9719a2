//! Fetching what the provider produced.

use std::fmt;

use async_trait::async_trait;

use super::object_store::ObjectBody;
use crate::base::digest::Sha256;
use crate::base::error::Error;
use crate::domain::media::MediaKind;

/// One output to be fetched. It has no `Debug`: its URL may be signed.
#[derive(Clone, Copy)]
pub struct OutputFetch<'a> {
    /// Where the provider keeps it, or what holds it: a `data:` URI, base64, or a text that is the
    /// output itself.
    pub url: &'a str,
    /// What the model makes by the catalogue, where that is known; the extension in the URL's path
    /// says more.
    pub promised: Option<MediaKind>,
    pub bytes_max: u64,
    /// The whole of it: look-ups, redirects and bytes.
    pub timeout_ms: u64,
}

/// A fetched file, digested and sniffed as it passed.
pub struct Fetched {
    pub body: ObjectBody,
    pub bytes: u64,
    pub sha256: Sha256,
    /// Sniffed from the bytes, whatever the server called it.
    pub content_type: &'static str,
    /// Without the dot; letters and digits alone.
    pub extension: &'static str,
    /// What the server called it, where it said so: one short line.
    pub provider_type: Option<String>,
}

/// Why an output was not fetched: the sort says what to do next, the error says it in words that
/// may be shown to a tenant.
#[derive(Debug)]
pub struct FetchFailure {
    pub sort: FetchFailureSort,
    pub error: Error,
}

/// Failures sorted by what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFailureSort {
    /// The link is dead: its server, or one that it led to, answered 401, 403, 404 or 410.
    Gone,
    /// What stands in the link's place is no link: no URL, no readable `data:` URI, or a redirect
    /// that leads nowhere.
    Unusable,
    /// The server answered with no bytes.
    Empty,
    /// The bytes are not what was promised, as a web page in a picture's place.
    NotAsPromised,
    /// Over `bytes_max`.
    TooLarge,
    /// The guard does not let anybody go there.
    Forbidden,
    /// The server does not answer, answers otherwise, or broke off: the same link may work later.
    Unavailable,
    /// This machine could not take it, as with a full disk.
    Local,
}

impl FetchFailureSort {
    /// True when the same link will fail the same way: only the provider can name a better one.
    pub fn needs_fresh_link(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Local)
    }
}

impl FetchFailure {
    pub fn new(sort: FetchFailureSort, error: Error) -> Self {
        Self { sort, error }
    }
}

impl fmt::Display for FetchFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl std::error::Error for FetchFailure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

#[async_trait]
pub trait OutputFetcher: Send + Sync {
    /// Fetches one output through the guard, in one pass. Redirects are followed, each through the
    /// guard. Whatever comes is the output, but for text where a file was promised.
    async fn fetch(&self, output: OutputFetch<'_>) -> Result<Fetched, FetchFailure>;
}
