//! What is measured of each request to the provider, and its span.

use std::time::Instant;

use fluxgate_core::series;
use fluxgate_core::trace_context::SPANS;
use hyper::{Request, StatusCode};
use tracing::Span;
use tracing::field::Empty;

use crate::guard::SendError;
use crate::trace::span_id;

pub(super) struct Measured {
    operation: &'static str,
    started: Instant,
    pub(super) span: Span,
}

impl Measured {
    pub(super) fn begin<B>(request: &Request<B>) -> Self {
        let operation = operation(request.uri().path());
        let span = tracing::trace_span!(
            target: SPANS,
            "provider",
            operation,
            span_id = span_id(request.headers()),
            "http.request.method" = request.method().as_str(),
            "server.address" = request.uri().host(),
            "http.response.status_code" = Empty,
            "error.type" = Empty,
        );
        Self {
            operation,
            started: Instant::now(),
            span,
        }
    }

    pub(super) fn ended(&self, answered: Result<StatusCode, &SendError>) {
        let outcome = outcome(answered);
        if let Ok(status) = answered {
            self.span
                .record("http.response.status_code", status.as_u16());
        }
        if outcome != OK {
            self.span.record("error.type", outcome);
        }
        series::PROVIDER_REQUESTS.count(&[self.operation, outcome]);
        let took_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        series::PROVIDER_DURATION.observe_ms(&[self.operation], took_ms);
    }
}

const OK: &str = "ok";

fn outcome(answered: Result<StatusCode, &SendError>) -> &'static str {
    match answered {
        Ok(StatusCode::TOO_MANY_REQUESTS) => "limited",
        Ok(status) if status.is_client_error() => "refused",
        Ok(status) if status.is_success() => OK,
        Ok(_) => "failed",
        Err(SendError::Late) => "timeout",
        Err(_) => "connection",
    }
}

/// What a path of the provider's API is for. A model's own path is a submit.
fn operation(path: &str) -> &'static str {
    const API: &str = "/api/v3/";
    let path = path.find(API).map_or(path, |at| &path[at + API.len()..]);
    match path {
        "models" => "catalogue",
        "balance" => "balance",
        "model/pricing" => "price",
        "webhook/secret" => "webhook_secret",
        "predictions" => "list",
        "billings/search" => "bills",
        _ if path.starts_with("predictions/") => "result",
        _ if path.starts_with("media/") => "upload",
        _ => "submit",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_sorted_by_what_they_are_for_also_behind_a_prefix() {
        assert_eq!(operation("/api/v3/balance"), "balance");
        assert_eq!(operation("/proxy/api/v3/predictions/a1/result"), "result");
        assert_eq!(operation("/api/v3/predictions"), "list");
        assert_eq!(operation("/api/v3/wavespeed-ai/flux-kontext-max"), "submit");
    }

    #[test]
    fn outcomes_tell_limits_and_refusals_from_failures() {
        assert_eq!(outcome(Ok(StatusCode::OK)), "ok");
        assert_eq!(outcome(Ok(StatusCode::TOO_MANY_REQUESTS)), "limited");
        assert_eq!(outcome(Ok(StatusCode::FORBIDDEN)), "refused");
        assert_eq!(outcome(Ok(StatusCode::BAD_GATEWAY)), "failed");
        assert_eq!(outcome(Err(&SendError::Late)), "timeout");
        assert_eq!(outcome(Err(&SendError::Flooded)), "connection");
    }
}
