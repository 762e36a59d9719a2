//! Fetching remote pictures. The emulator has no HTTP client for that: whoever starts it decides
//! what it may call.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use url::Url;

/// Fetches pictures that runs name by URL.
pub trait PictureFetcher: fmt::Debug + Send + Sync {
    /// The complete body of a 200 with at most `bytes_max` bytes, without following redirects;
    /// otherwise `None`.
    fn fetch(&self, url: Url, bytes_max: usize) -> BoxFuture<'_, Option<Bytes>>;
}
