//! The requests that came with a trace, so that a client can see what arrives of its own.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use crate::provider::Provider;

/// The newest so many are kept.
const TRACES_MAX: usize = 1_000;

/// A request with a `traceparent`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TracedRequest {
    pub method: String,
    pub path: String,
    pub traceparent: String,
    pub tracestate: Option<String>,
}

#[derive(Default)]
pub(crate) struct Traces(Mutex<VecDeque<TracedRequest>>);

impl Traces {
    /// Oldest first.
    pub(crate) fn all(&self) -> Vec<TracedRequest> {
        let traces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        traces.iter().cloned().collect()
    }

    fn add(&self, request: TracedRequest) {
        let mut traces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if traces.len() == TRACES_MAX {
            traces.pop_front();
        }
        traces.push_back(request);
    }
}

pub(crate) async fn note(
    State(provider): State<Arc<Provider>>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(traced) = traced(&request) {
        provider.traces.add(traced);
    }
    next.run(request).await
}

fn traced(request: &Request) -> Option<TracedRequest> {
    let header = |name| {
        let value = request.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    Some(TracedRequest {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        traceparent: header("traceparent")?,
        tracestate: header("tracestate"),
    })
}
