//! The API key.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::reply::Refusal;

/// Of the provider's routes.
pub(super) async fn check(provider: Shared, request: Request, next: Next) -> Response {
    if !has_key(&provider, &request) {
        return unknown_key();
    }
    let status = provider.faults.value(|faults| faults.account_status);
    if let Some(status) = StatusCode::from_u16(status)
        .ok()
        .filter(StatusCode::is_client_error)
    {
        return Refusal::new(
            status,
            "this account is not allowed to do this; top it up (emulated)",
        )
        .into_response();
    }
    next.run(request).await
}

/// Of the emulator's own routes, which no fault touches: whatever is set can be taken back.
pub(super) async fn check_operator(provider: Shared, request: Request, next: Next) -> Response {
    if has_key(&provider, &request) {
        next.run(request).await
    } else {
        unknown_key()
    }
}

fn has_key(provider: &Shared, request: &Request) -> bool {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = header.and_then(|header| header.strip_prefix("Bearer "));
    key == Some(provider.config.api_key.as_str())
}

fn unknown_key() -> Response {
    let text = "the API key is missing or unknown";
    Refusal::new(StatusCode::UNAUTHORIZED, text).into_response()
}
