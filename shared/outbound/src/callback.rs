//! Sends one signed callback through the guard. The core decides when to retry and what a status
//! means.

use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::port::{CallbackRequest, CallbackSender, SendOutcome};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};

use crate::failure::describe;
use crate::guard::{GuardedClient, GuardedRequest, refusal};
use crate::retry_after::retry_after_ms;

/// At most this much of a response is read so that the connection can be reused; with a longer
/// response the connection is closed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// [`CallbackSender`] over HTTP.
pub struct HttpCallbackSender {
    client: GuardedClient,
}

impl HttpCallbackSender {
    pub fn new(client: GuardedClient) -> Self {
        Self { client }
    }

    fn request(&self, outgoing: CallbackRequest) -> Result<GuardedRequest> {
        let CallbackRequest {
            tenant,
            url,
            headers,
            body,
            timeout_ms,
        } = outgoing;
        let request = self
            .client
            .request_of(&tenant, Method::POST, url.url().clone())?;
        let filled = request.with(|request| {
            request
                .header(CONTENT_TYPE, "application/json")
                .header("webhook-id", headers.id)
                .header("webhook-timestamp", headers.timestamp)
                .header("webhook-signature", headers.signature)
                .body(body)
        });
        Ok(filled.timeout(Duration::from_millis(timeout_ms)))
    }
}

#[async_trait]
impl CallbackSender for HttpCallbackSender {
    async fn send(&self, outgoing: CallbackRequest) -> SendOutcome {
        let request = match self.request(outgoing) {
            Ok(request) => request,
            Err(error) => {
                return SendOutcome::Failed {
                    reason: error.message,
                };
            }
        };
        match request.send().await {
            Ok(response) => answered(response).await,
            Err(error) => SendOutcome::Failed {
                reason: reason(&error),
            },
        }
    }
}

/// The status decides. A body that stalls or breaks off later, within the same time-out, does not
/// change the result.
async fn answered(response: Response) -> SendOutcome {
    let status = response.status().as_u16();
    let retry_after_ms = retry_after_ms(response.headers());
    drain(response).await;
    SendOutcome::Answered {
        status,
        retry_after_ms,
    }
}

async fn drain(mut response: Response) {
    let mut read = 0;
    while read < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => read += chunk.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

fn reason(error: &reqwest::Error) -> String {
    match refusal(error) {
        Some(refusal) => refusal.message,
        None => format!("the receiver {}", describe(error)),
    }
}
