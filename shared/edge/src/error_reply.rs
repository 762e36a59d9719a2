//! The only place where errors become status codes and bodies.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use fluxgate_core::{Error, Kind, Retry};
use serde::Serialize;
use utoipa::ToSchema;

use crate::openapi::ErrorCode;
use crate::request_line::refused_with;

/// An error on the provider's paths, sent in the provider's envelope.
pub(crate) struct WaveSpeedError(pub(crate) Error);

/// An error on any other path, sent as RFC 9457.
pub(crate) struct Problem(pub(crate) Error);

/// What kept a request from working, with its causes: an extension of the answer, for a caller in
/// the same process.
#[derive(Clone)]
pub struct ErrorCauses(pub String);

impl From<Error> for WaveSpeedError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The provider's error envelope. It never has a top-level key `error`: one provider client treats
/// that as a failure anywhere.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WaveSpeedErrorBody {
    /// The HTTP status again.
    code: u16,
    /// What went wrong and how to fix it.
    message: String,
    /// Stable, machine-readable.
    #[schema(value_type = ErrorCode)]
    error_code: &'static str,
    /// The input at fault, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// RFC 9457 `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the code tells what it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The name of the status.
    title: &'static str,
    /// The HTTP status again.
    status: u16,
    /// What went wrong and how to fix it.
    detail: String,
    /// Stable, machine-readable.
    #[schema(value_type = ErrorCode)]
    code: &'static str,
    /// The input at fault, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::InsufficientFunds => StatusCode::PAYMENT_REQUIRED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Gone => StatusCode::GONE,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::KeyReused | Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Busy => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl IntoResponse for WaveSpeedError {
    fn into_response(self) -> Response {
        let status = status(self.0.kind);
        provider_reply(self.0, status)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = status(self.0.kind);
        problem_reply(self.0, status)
    }
}

/// An error in parts shared by both APIs, sent in the format of the path's API.
pub(crate) struct RoutingError {
    is_providers: bool,
    error: Error,
}

impl RoutingError {
    pub(crate) fn new(uri: &Uri, error: Error) -> Self {
        Self {
            is_providers: is_providers(uri.path()),
            error,
        }
    }
}

impl IntoResponse for RoutingError {
    fn into_response(self) -> Response {
        let Self {
            is_providers,
            error,
        } = self;
        if is_providers {
            WaveSpeedError(error).into_response()
        } else {
            Problem(error).into_response()
        }
    }
}

/// For a request that reaches no router, in the format of its path's API.
pub fn refusal(uri: &Uri, error: Error) -> Response {
    RoutingError::new(uri, error).into_response()
}

fn is_providers(path: &str) -> bool {
    path.starts_with("/api/")
}

/// The answer for an unknown path or method, in the format of the path's API.
pub(crate) fn routing_reply(path: &str, error: Error, status: StatusCode) -> Response {
    if is_providers(path) {
        provider_reply(error, status)
    } else {
        problem_reply(error, status)
    }
}

fn provider_reply(error: Error, status: StatusCode) -> Response {
    log(&error, status);
    let body = WaveSpeedErrorBody {
        code: status.as_u16(),
        message: error.message,
        error_code: error.code,
        field: error.field,
    };
    with_headers((status, Json(body)).into_response(), status, error.retry)
}

fn problem_reply(error: Error, status: StatusCode) -> Response {
    log(&error, status);
    let causes = status
        .is_server_error()
        .then(|| ErrorCauses(error.with_causes().to_string()));
    let body = ProblemBody {
        kind: "about:blank",
        title: status.canonical_reason().unwrap_or("Error"),
        status: status.as_u16(),
        detail: error.message,
        code: error.code,
        field: error.field,
    };
    let mut response = (status, Json(body)).into_response();
    let problem = HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(header::CONTENT_TYPE, problem);
    if let Some(causes) = causes {
        response.extensions_mut().insert(causes);
    }
    with_headers(response, status, error.retry)
}

/// The only place that logs request errors, once each. Callers' mistakes are not logged as errors:
/// the answer tells the caller, and the request's line has their code.
fn log(error: &Error, status: StatusCode) {
    refused_with(error.code);
    if status.is_server_error() {
        tracing::error!(
            http.status = status.as_u16(),
            error = error.with_causes(),
            "request failed"
        );
    }
}

fn with_headers(mut response: Response, status: StatusCode, retry: Retry) -> Response {
    if status == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    let seconds = match retry {
        Retry::AfterMs(ms) => Some(ms.div_ceil(1000)),
        Retry::Later
            if matches!(
                status,
                StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
            ) =>
        {
            Some(1)
        }
        _ => None,
    };
    if let Some(seconds) = seconds {
        response
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
