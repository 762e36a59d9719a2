//! Sends one signed callback through the guard. The core decides when to retry and what a status
//! means.

use std::error::Error as StdError;
use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::port::{CallbackAnswer, CallbackRequest, CallbackSender, SendOutcome};
use fluxgate_core::trace_context::SPANS;
use fluxgate_core::unprintable::is_unprintable;
use fluxgate_core::webhook::{EXCERPT_BYTES_MAX, ErrorClass};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Response};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::failure::{class, describe};
use crate::guard::{GuardedClient, GuardedRequest, refusal};
use crate::retry_after::retry_after_ms;
use crate::trace::traced;

/// At most this much of a response is read so that the connection can be reused; with a longer
/// response the connection is closed.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// So much of a header of note is kept.
const HEADER_CHARS_MAX: usize = 256;

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
            trace,
            extra,
            body,
            timeout_ms,
            ..
        } = outgoing;
        let request = self
            .client
            .request_of(&tenant, Method::POST, url.url().clone())?;
        let filled = request.with(|mut request| {
            for (name, value) in &extra {
                let name = HeaderName::from_bytes(name.as_bytes());
                let value = HeaderValue::from_str(value.expose());
                // They were checked when they were set.
                if let (Ok(name), Ok(mut value)) = (name, value) {
                    value.set_sensitive(true);
                    request = request.header(name, value);
                }
            }
            traced(request, &trace)
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
        // The host alone: a path may hold a secret.
        let span = tracing::trace_span!(
            target: SPANS,
            "callback",
            span_id = outgoing.trace.parent_id(),
            "http.request.method" = "POST",
            "server.address" = outgoing.url.url().host_str(),
            "http.response.status_code" = Empty,
            "error.type" = Empty,
        );
        let outcome = self.send_once(outgoing).instrument(span.clone()).await;
        match &outcome {
            SendOutcome::Answered(answer) => {
                span.record("http.response.status_code", answer.status);
            }
            SendOutcome::Failed { class, .. } => {
                span.record("error.type", tracing::field::debug(class));
            }
        }
        outcome
    }
}

impl HttpCallbackSender {
    async fn send_once(&self, outgoing: CallbackRequest) -> SendOutcome {
        let request = match self.request(outgoing) {
            Ok(request) => request,
            Err(error) => {
                return SendOutcome::Failed {
                    class: ErrorClass::ForbiddenAddress,
                    reason: error.message,
                };
            }
        };
        match request.send().await {
            Ok(response) => answered(response).await,
            Err(error) => failed(&error),
        }
    }
}

/// The status decides. A body that stalls or breaks off later, within the same time-out, does not
/// change the result.
async fn answered(response: Response) -> SendOutcome {
    let status = response.status().as_u16();
    let headers = response.headers();
    let answer = CallbackAnswer {
        status,
        retry_after_ms: retry_after_ms(headers),
        retry_after: shown(headers, &RETRY_AFTER),
        location: shown(headers, &LOCATION),
        body: None,
    };
    let keeps = ErrorClass::of_status(status).is_some();
    let beginning = read(response).await;
    let body = keeps
        .then(|| excerpt(&beginning))
        .filter(|text| !text.is_empty());
    SendOutcome::Answered(CallbackAnswer { body, ..answer })
}

/// The beginning of the body; the rest is drained within bounds.
async fn read(mut response: Response) -> Vec<u8> {
    let (mut beginning, mut read) = (Vec::new(), 0);
    while read < ANSWER_BYTES_MAX {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                let wanted = EXCERPT_BYTES_MAX.saturating_sub(beginning.len());
                beginning.extend_from_slice(&chunk[..chunk.len().min(wanted)]);
                read += chunk.len();
            }
            Ok(None) | Err(_) => break,
        }
    }
    beginning
}

/// As text that can be printed. What is no text, as a compressed body, is not kept.
fn excerpt(bytes: &[u8]) -> String {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // Cut within its last character.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return "(not text)".to_owned(),
    };
    let printable = |c: char| !is_unprintable(c) || matches!(c, '\n' | '\t');
    text.chars().filter(|c| printable(*c)).collect()
}

fn shown(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.chars().take(HEADER_CHARS_MAX).collect())
}

fn failed(error: &(dyn StdError + 'static)) -> SendOutcome {
    match refusal(error) {
        Some(refusal) => SendOutcome::Failed {
            class: ErrorClass::ForbiddenAddress,
            reason: refusal.message,
        },
        None => SendOutcome::Failed {
            class: class(error),
            reason: format!("the receiver {}", describe(error)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_printable_text_and_nothing_else() {
        assert_eq!(excerpt(b"no\x1b[31m such\r\nhook"), "no[31m such\nhook");
        assert_eq!(excerpt("a\u{202e}b\u{2066}c\u{200f}".as_bytes()), "abc");
        assert_eq!(excerpt("gr\u{fc}n".as_bytes()), "gr\u{fc}n");
        assert_eq!(excerpt(&"gr\u{fc}".as_bytes()[..3]), "gr");
        assert_eq!(excerpt(&[0x1f, 0x8b, 8, 0xff, 0xfe]), "(not text)");
        assert_eq!(excerpt(b""), "");
    }
}
