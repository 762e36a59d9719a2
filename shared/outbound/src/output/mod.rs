//! Fetches what the vendor produced: digested, counted, sniffed and put aside in one pass.

mod data_uri;
mod failure;
mod media_type;
mod pass;
mod redirects;
mod spool;

use async_trait::async_trait;
use fluxgate_core::port::{FetchFailure, Fetched, OutputFetch, OutputFetcher};
use reqwest::Response;

use crate::guard::GuardedClient;
use failure::{broken_off, failed, too_large};
use pass::Pass;

/// [`OutputFetcher`] over HTTP, and for `data:` URIs.
pub struct HttpOutputFetcher {
    client: GuardedClient,
}

impl HttpOutputFetcher {
    pub fn new(client: GuardedClient) -> Self {
        Self { client }
    }
}

#[async_trait]
impl OutputFetcher for HttpOutputFetcher {
    async fn fetch(&self, output: OutputFetch<'_>) -> Result<Fetched, FetchFailure> {
        if data_uri::is_one(output.url) {
            let bytes = data_uri::decode(output.url, output.bytes_max)?;
            let mut pass = Pass::new(output.bytes_max);
            pass.take(&bytes).await?;
            return pass.finish().await;
        }
        let response = redirects::follow(&self.client, output.url, output.timeout_ms).await?;
        receive(response, output.bytes_max).await
    }
}

async fn receive(mut response: Response, bytes_max: u64) -> Result<Fetched, FetchFailure> {
    let announced = response.content_length();
    if announced.is_some_and(|length| length > bytes_max) {
        return Err(too_large(bytes_max));
    }
    let mut pass = Pass::new(bytes_max);
    while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
        pass.take(&chunk).await?;
    }
    // The client already fails on a short body; this is the second lock on a door that money goes through.
    if announced.is_some_and(|length| length != pass.bytes()) {
        return Err(broken_off());
    }
    pass.finish().await
}
