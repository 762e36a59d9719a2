//! What the ways to submit have in common.

use axum::http::{HeaderMap, HeaderName};
use fluxgate_core::app::{RetryRequest, SubmitRequest};
use fluxgate_core::id::IdempotencyKey;
use fluxgate_core::task::Task;
use fluxgate_core::{Error, Kind, Result};
use tokio::runtime::Handle;
use tracing::Instrument as _;

use crate::body::Counted;
use crate::header;
use crate::state::Edge;
use crate::to_the_end::ToTheEnd;

/// The price of the run for the tenant, in USD, if all outputs are produced.
pub(crate) const PRICE: HeaderName = HeaderName::from_static("fluxgate-price-usd");

/// Larger bodies are checked, hashed and decoded on a separate thread, so that other requests are
/// not delayed.
pub(crate) const BESIDE_BYTES: usize = 512 * 1024;

/// Submits to the end, so that a client that disconnects does not interrupt a POST to the provider.
/// The body counts as in flight until then.
pub(crate) async fn submit(edge: &Edge, request: SubmitRequest, counted: Counted) -> Result<Task> {
    let gateway = edge.gateway.clone();
    let bytes = counted.bytes;
    let submit = async move {
        let _counted = counted;
        gateway.submit(request).await
    };
    if bytes <= BESIDE_BYTES {
        return ToTheEnd::new(submit).await.map_err(failed)?;
    }
    let (runtime, submit) = (Handle::current(), submit.in_current_span());
    let running = tokio::task::spawn_blocking(move || runtime.block_on(submit));
    running.await.map_err(failed)?
}

fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::internal("panic", "the submit failed").source(error)
}

/// As [`submit`], of a task that did not complete. There is no body.
pub(crate) async fn retry(edge: &Edge, request: RetryRequest) -> Result<Task> {
    let gateway = edge.gateway.clone();
    ToTheEnd::new(async move { gateway.retry(request).await })
        .await
        .map_err(|error| Error::internal("panic", "the retry failed").source(error))?
}

/// Only embedded pictures make inputs large.
pub(crate) fn advised(mut error: Error) -> Error {
    if error.kind == Kind::TooLarge {
        error
            .message
            .push_str(": upload the picture and send its URL instead");
    }
    error
}

pub(crate) fn key(headers: &HeaderMap) -> Result<Option<IdempotencyKey>> {
    let key = header::one(headers, "Idempotency-Key")?;
    key.map(|key| IdempotencyKey::parse(key.to_str().unwrap_or_default()))
        .transpose()
}
