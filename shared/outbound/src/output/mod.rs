//! Fetches what the vendor produced: digested, counted, sniffed and put aside in one pass.

mod data_uri;
mod media_type;
mod pass;
mod spool;

use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::port::{Fetched, OutputFetcher};
use fluxgate_core::{Error, Result};
use reqwest::{Method, Response, StatusCode};
use url::Url;

use crate::failure::describe;
use crate::guard::{GuardedClient, refusal};
use pass::{Pass, too_large};

/// [`OutputFetcher`] over HTTP, and for `data:` URIs.
pub struct HttpOutputFetcher {
    client: GuardedClient,
}

impl HttpOutputFetcher {
    pub fn new(client: GuardedClient) -> Self {
        Self { client }
    }

    async fn fetch_http(&self, url: &str, bytes_max: u64, timeout_ms: u64) -> Result<Fetched> {
        let url = Url::parse(url).map_err(|_| unavailable("is not at a readable URL"))?;
        let request = self.client.request(Method::GET, url)?.timeout(Duration::from_millis(timeout_ms));
        let response = request.send().await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(unavailable(&format!("cannot be fetched: its server answered {}", response.status().as_u16())));
        }
        receive(response, bytes_max).await
    }
}

#[async_trait]
impl OutputFetcher for HttpOutputFetcher {
    async fn fetch(&self, url: &str, bytes_max: u64, timeout_ms: u64) -> Result<Fetched> {
        if data_uri::is_one(url) {
            let bytes = data_uri::decode(url, bytes_max)?;
            let mut pass = Pass::new(bytes_max);
            pass.take(&bytes).await?;
            return pass.finish().await;
        }
        self.fetch_http(url, bytes_max, timeout_ms).await
    }
}

async fn receive(mut response: Response, bytes_max: u64) -> Result<Fetched> {
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
        return Err(unavailable("ended before its announced length"));
    }
    pass.finish().await
}

fn failed(error: &reqwest::Error) -> Error {
    refusal(error).unwrap_or_else(|| unavailable(&format!("cannot be fetched: its server {}", describe(error))))
}

fn unavailable(what: &str) -> Error {
    Error::unavailable("output_unavailable", format!("the output {what}"))
}
