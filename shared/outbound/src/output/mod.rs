//! Fetches what the provider produced: hashed, counted, sniffed and spooled in one pass.

mod failure;
mod inline;
mod pass;
mod redirects;
mod spool;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fluxgate_core::media::Promise;
use fluxgate_core::port::{FetchFailure, Fetched, OutputFetch, OutputFetcher};
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use crate::guard::GuardedClient;
use failure::{broken_off, failed, too_large};
use pass::Pass;

/// [`OutputFetcher`] over HTTP, and for outputs inside the provider's response.
pub struct HttpOutputFetcher {
    client: GuardedClient,
    spool_in: PathBuf,
}

impl HttpOutputFetcher {
    pub fn new(client: GuardedClient) -> Self {
        Self {
            client,
            spool_in: std::env::temp_dir(),
        }
    }

    /// A fetcher that writes large outputs to this folder, which exists while it is used. On the
    /// file system where they are to stay they need not be copied.
    #[must_use]
    pub fn spooling_in(self, folder: PathBuf) -> Self {
        Self {
            spool_in: folder,
            ..self
        }
    }
}

#[async_trait]
impl OutputFetcher for HttpOutputFetcher {
    async fn fetch(&self, output: OutputFetch<'_>) -> Result<Fetched, FetchFailure> {
        if let Some(inline) = inline::read(output.url, output.promised, output.bytes_max)? {
            let expected = Some(inline.bytes.len() as u64);
            let mut pass = Pass::new(output.bytes_max, inline.promise, &self.spool_in, expected);
            pass.take(&inline.bytes).await?;
            return pass.finish(output.url, inline.provider_type).await;
        }
        let response = redirects::follow(&self.client, output).await?;
        receive(response, output, &self.spool_in).await
    }
}

async fn receive(
    mut response: Response,
    output: OutputFetch<'_>,
    spool_in: &Path,
) -> Result<Fetched, FetchFailure> {
    let OutputFetch {
        url,
        promised,
        bytes_max,
        ..
    } = output;
    let announced = response.content_length();
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let provider_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|told| told.to_str().ok())
        .map(str::to_owned);
    let mut pass = Pass::new(bytes_max, Promise::of(url, promised), spool_in, announced);
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        pass.take(&chunk).await?;
    }
    // The client already fails on a short body. This checks again, because a charge depends on it.
    if announced.is_some_and(|length| length != pass.bytes()) {
        return Err(broken_off());
    }
    pass.finish(url, provider_type).await
}
