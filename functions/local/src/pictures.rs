//! How the emulator fetches remote pictures: through the guard, like everything that a tenant
//! names.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use fluxgate_core::port::Purpose;
use fluxgate_emulator::PictureFetcher;
use fluxgate_outbound::{Guard, HttpPictureFetcher};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use url::Url;

const TIMEOUT_MS: u64 = 10_000;

struct GuardedPictures(HttpPictureFetcher);

/// The emulator's own uploads are not fetched, so it needs no exception from the guard.
pub(crate) fn through(guard: &Guard) -> Arc<dyn PictureFetcher> {
    Arc::new(GuardedPictures(HttpPictureFetcher::new(
        guard.client(Purpose::Input),
    )))
}

impl PictureFetcher for GuardedPictures {
    fn fetch(&self, url: Url, bytes_max: usize) -> BoxFuture<'_, Option<Bytes>> {
        let fetched = self.0.get(url, bytes_max, TIMEOUT_MS);
        fetched
            .map(|fetched| {
                fetched
                    .inspect_err(|error| {
                        tracing::info!(
                            error = error.with_causes(),
                            "the emulator could not fetch a picture"
                        )
                    })
                    .ok()
            })
            .boxed()
    }
}

impl fmt::Debug for GuardedPictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GuardedPictures")
    }
}
