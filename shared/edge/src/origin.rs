//! Refuses what did not come by the installation's own front, such as a CDN with a firewall.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::app::{Gateway, OriginCheck};

use crate::error_reply::RoutingError;

/// What the front adds to each request: its secret.
pub const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-fluxgate-origin");

/// The check, and the gateway that knows its own domain.
pub(crate) type Origin = (Arc<OriginCheck>, Arc<Gateway>);

/// Every path, before anything else of the request is read.
pub(crate) async fn refuse_bypass(
    State((check, gateway)): State<Origin>,
    mut request: Request,
    next: Next,
) -> Response {
    // Nobody further in shall see it.
    let presented = request.headers_mut().remove(ORIGIN_SECRET);
    let presented = presented.as_ref().map(HeaderValue::as_bytes);
    match check.check(presented, gateway.base_url()).await {
        Ok(()) => next.run(request).await,
        Err(error) => RoutingError::new(request.uri(), error).into_response(),
    }
}
