//! Answers requests, unless a fault says to drop the connection without a response.

use std::convert::Infallible;
use std::io;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Request, Response};
use axum::response::IntoResponse;
use fluxgate_listen::RequestBody;
use tower::ServiceExt as _;

/// A response extension that says to drop the connection instead.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HangUp;

impl IntoResponse for HangUp {
    fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// An error makes the listener drop the connection without a response.
pub(crate) async fn answer(
    router: Router,
    request: Request<RequestBody>,
) -> io::Result<Response<Body>> {
    let answered: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
    let mut response = answered.unwrap_or_else(|never| match never {});
    if response.extensions().get::<HangUp>().is_some() {
        return Err(io::Error::other("hung up (emulated)"));
    }
    response.headers_mut().insert(
        HeaderName::from_static("x-fluxgate-emulator"),
        HeaderValue::from_static("1"),
    );
    Ok(response)
}
