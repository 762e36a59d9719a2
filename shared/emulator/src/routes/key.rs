//! The API key.

use axum::extract::Request;
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::reply::Refusal;

pub(super) async fn check(provider: Shared, request: Request, next: Next) -> Response {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let key = header.and_then(|header| header.strip_prefix("Bearer "));
    if key != Some(provider.config.api_key.as_str()) {
        return Refusal::new(
            StatusCode::UNAUTHORIZED,
            "the API key is missing or unknown",
        )
        .into_response();
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
