//! Fetches JSON documents of token issuers: discovery documents and key sets. The edge decides
//! which keys to trust.

use std::error::Error as StdError;
use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::port::KeySetFetcher;
use fluxgate_core::{Error, Kind, Result};
use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::body::{Unread, read};
use crate::failure::describe;
use crate::guard::{GuardedClient, refusal};

/// A key set and a discovery document are small, and somebody waits for them.
#[derive(Debug, Clone, Copy)]
pub struct KeySetBounds {
    pub document_bytes_max: usize,
    /// The whole exchange.
    pub timeout_ms: u64,
}

impl Default for KeySetBounds {
    fn default() -> Self {
        Self {
            document_bytes_max: 512 * 1024,
            timeout_ms: 5_000,
        }
    }
}

/// Fetches through the guard: an issuer's URL is a tenant's to choose.
pub struct HttpKeySetFetcher {
    client: GuardedClient,
    bounds: KeySetBounds,
}

impl HttpKeySetFetcher {
    pub fn new(client: GuardedClient, bounds: KeySetBounds) -> Self {
        Self { client, bounds }
    }
}

#[async_trait]
impl KeySetFetcher for HttpKeySetFetcher {
    /// Kind `Invalid` for a forbidden address, `TooLarge` over the bound, else `Unavailable` for
    /// whatever is not a 200 with JSON in time.
    async fn get_json(&self, tenant: &TenantId, url: &Url) -> Result<Value> {
        let KeySetBounds {
            document_bytes_max: bytes_max,
            timeout_ms,
        } = self.bounds;
        let request = self.client.request_of(tenant, Method::GET, url.clone())?;
        let request = request.with(|request| request.header(ACCEPT, "application/json"));
        let request = request.timeout(Duration::from_millis(timeout_ms));
        let response = request.send().await.map_err(|error| failed(&error))?;
        if response.status() != StatusCode::OK {
            return Err(unavailable(&format!(
                "answered {}",
                response.status().as_u16()
            )));
        }
        let body = read(response, bytes_max)
            .await
            .map_err(|unread| match unread {
                Unread::TooLarge => Error::new(
                    Kind::TooLarge,
                    "issuer_document_too_large",
                    format!("the issuer's document is over {bytes_max} bytes"),
                ),
                Unread::Broken(error) => failed(&error),
            })?;
        json::value(&body, JsonBounds::DOCUMENT)
            .map_err(|error| unavailable("answered something that is not JSON").source(error))
    }
}

fn failed(error: &(dyn StdError + 'static)) -> Error {
    refusal(error).unwrap_or_else(|| unavailable(&describe(error)))
}

fn unavailable(what: &str) -> Error {
    Error::unavailable("issuer_unavailable", format!("the token issuer {what}"))
}
