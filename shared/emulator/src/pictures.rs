//! The way to pictures that lie elsewhere. The emulator has none of its own: whoever starts it says
//! whom it may call.

use std::fmt;

use bytes::Bytes;
use futures::future::BoxFuture;
use url::Url;

/// Fetches pictures that runs name by their address.
pub trait PictureFetcher: fmt::Debug + Send + Sync {
    /// The whole body of a 200 of at most so many bytes, following no redirect; `None` for whatever
    /// else happens.
    fn fetch(&self, url: Url, bytes_max: usize) -> BoxFuture<'_, Option<Bytes>>;
}
