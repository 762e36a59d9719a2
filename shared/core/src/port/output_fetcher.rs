//! Fetching the outputs of runs.

use std::fmt;

use async_trait::async_trait;

use super::object_store::ObjectBody;
use crate::base::digest::Sha256;
use crate::base::error::Error;
use crate::base::trace_context::TraceContext;
use crate::domain::media::MediaKind;

/// One output to fetch. It has no `Debug`, because its URL may be signed.
#[derive(Clone, Copy)]
pub struct OutputFetch<'a> {
    /// The output's URL, or the output itself: a `data:` URI, base64, or plain text.
    pub url: &'a str,
    /// The kind of media that the model produces according to the catalogue, if known; the
    /// extension in the URL's path takes precedence.
    pub promised: Option<MediaKind>,
    pub bytes_max: u64,
    /// For the whole fetch: lookups, redirects and bytes.
    pub timeout_ms: u64,
    /// Sent to every server on the way.
    pub trace: &'a TraceContext,
}

/// A fetched file, digested and sniffed while streaming.
pub struct Fetched {
    pub body: ObjectBody,
    pub bytes: u64,
    pub sha256: Sha256,
    /// Sniffed from the bytes, whatever the server declared.
    pub content_type: &'static str,
    /// Without the dot; letters and digits only.
    pub extension: &'static str,
    /// The content type declared by the server, if any, cut to one short line.
    pub provider_type: Option<String>,
}

/// Why an output was not fetched: `sort` says what to do next; the error's message may be shown to
/// a tenant.
#[derive(Debug)]
pub struct FetchFailure {
    pub sort: FetchFailureSort,
    pub error: Error,
}

/// Failures, classified by what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FetchFailureSort {
    /// The link is dead: its server, or one it redirected to, answered 401, 403, 404 or 410.
    Gone,
    /// Not a usable link: no URL, no readable `data:` URI, or a redirect that leads nowhere.
    Unusable,
    /// The server answered with an empty body.
    Empty,
    /// The bytes are not of the promised kind, such as a web page instead of a picture.
    NotAsPromised,
    /// Over `bytes_max`.
    TooLarge,
    /// The guard forbids this address.
    Forbidden,
    /// The server does not answer, answers with another error, or aborted: the same link may work
    /// later.
    Unavailable,
    /// A failure on this machine, such as a full disk.
    Local,
    /// This process holds as many bytes as it may, and did so for as long as one waits for room.
    Busy,
}

impl FetchFailureSort {
    /// True if the same link will fail the same way: only the provider can supply a better one.
    pub fn needs_fresh_link(self) -> bool {
        !matches!(self, Self::Unavailable | Self::Local | Self::Busy)
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
    /// Fetches one output through the guard, in one pass. Follows redirects, each through the
    /// guard. Any content is accepted as the output, except text where a file was promised. Waits
    /// while the outputs in hand are as many bytes as the process may hold; what is fetched counts
    /// until it is dropped.
    async fn fetch(&self, output: OutputFetch<'_>) -> Result<Fetched, FetchFailure>;
}
