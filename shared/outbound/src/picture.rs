//! Fetches an input picture for an emulator that stands in for the provider, from whatever address
//! a tenant named.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use fluxgate_core::{Error, Kind, Result};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::body::{Unread, read};
use crate::failure::describe;
use crate::guard::{GuardedClient, refusal};

/// Fetches through the guard, and follows no redirects.
pub struct HttpPictureFetcher {
    client: GuardedClient,
}

impl HttpPictureFetcher {
    pub fn new(client: GuardedClient) -> Self {
        Self { client }
    }

    /// GETs one picture. Kind `Invalid` for a forbidden address, `TooLarge` over `bytes_max`,
    /// otherwise `Unavailable` for anything but a 200 with the complete body within `timeout_ms`.
    pub async fn get(&self, url: Url, bytes_max: usize, timeout_ms: u64) -> Result<Bytes> {
        let request = self
            .client
            .request(Method::GET, url)?
            .timeout(Duration::from_millis(timeout_ms));
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
                    "picture_too_large",
                    format!("the picture is over {bytes_max} bytes"),
                ),
                Unread::Broken(error) => failed(&error),
            })?;
        Ok(body.freeze())
    }
}

fn failed(error: &(dyn StdError + 'static)) -> Error {
    refusal(error).unwrap_or_else(|| unavailable(&describe(error)))
}

fn unavailable(what: &str) -> Error {
    Error::unavailable(
        "picture_unavailable",
        format!("the picture's server {what}"),
    )
}
