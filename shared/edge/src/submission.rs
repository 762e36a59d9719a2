//! What the ways to submit have in common.

use axum::http::{HeaderMap, HeaderName};
use fluxgate_core::app::{RetryRequest, SubmitRequest};
use fluxgate_core::id::IdempotencyKey;
use fluxgate_core::task::Task;
use fluxgate_core::{Error, Kind, Result};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tracing::Instrument as _;

use crate::body::Counted;
use crate::header;
use crate::state::Edge;

/// The price of the run for the tenant, in USD, if all outputs are produced.
pub(crate) const PRICE: HeaderName = HeaderName::from_static("fluxgate-price-usd");

/// Larger bodies are checked, hashed and decoded on a separate thread, so that other requests are
/// not delayed.
pub(crate) const BESIDE_BYTES: usize = 512 * 1024;

/// Submits in a task of its own, so that a client that disconnects does not interrupt a POST to the
/// provider. The body counts as in flight until the end.
pub(crate) async fn submit(edge: &Edge, request: SubmitRequest, counted: Counted) -> Result<Task> {
    let gateway = edge.gateway.clone();
    let running = run(counted, async move { gateway.submit(request).await });
    running
        .await
        .map_err(|error| Error::internal("panic", "the submit failed").source(error))?
}

/// As [`submit`], of a task that did not complete. There is no body.
pub(crate) async fn retry(edge: &Edge, request: RetryRequest) -> Result<Task> {
    let gateway = edge.gateway.clone();
    let running = async move { gateway.retry(request).await }.in_current_span();
    tokio::spawn(running)
        .await
        .map_err(|error| Error::internal("panic", "the retry failed").source(error))?
}

fn run(
    counted: Counted,
    submit: impl Future<Output = Result<Task>> + Send + 'static,
) -> JoinHandle<Result<Task>> {
    let bytes = counted.bytes;
    let submit = async move {
        let _counted = counted;
        submit.await
    }
    .in_current_span();
    if bytes <= BESIDE_BYTES {
        return tokio::spawn(submit);
    }
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(submit))
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
