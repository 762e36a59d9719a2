//! Fetches JSON documents of token issuers: discovery documents and key sets. Which keys to trust
//! is the edge's to say.

use std::time::Duration;

use fluxgate_core::id::TenantId;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::{Error, Kind, Result};
use reqwest::header::ACCEPT;
use reqwest::{Method, StatusCode};
use serde_json::Value;
use url::Url;

use crate::body::{Unread, read};
use crate::failure::describe;
use crate::guard::{GuardedClient, refusal};

/// Fetches through the guard: an issuer's URL is a tenant's to choose.
pub struct HttpJwksFetcher {
    client: GuardedClient,
}

impl HttpJwksFetcher {
    pub fn new(client: GuardedClient) -> Self {
        Self { client }
    }

    /// GETs one JSON document. Kind `Invalid` for a forbidden address, `TooLarge` over `bytes_max`,
    /// else `Unavailable` for whatever is not a 200 with JSON within `timeout_ms`.
    pub async fn get_json(
        &self,
        tenant: &TenantId,
        url: &Url,
        bytes_max: usize,
        timeout_ms: u64,
    ) -> Result<Value> {
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

fn failed(error: &reqwest::Error) -> Error {
    refusal(error).unwrap_or_else(|| unavailable(&describe(error)))
}

fn unavailable(what: &str) -> Error {
    Error::unavailable("issuer_unavailable", format!("the token issuer {what}"))
}
