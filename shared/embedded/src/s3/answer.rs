//! One request: handed to s3s and kept out of the logs, its answer opened to the pages that show a picture.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE,
    HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use s3s::service::S3Service;
use s3s::{Body, HttpError};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

pub(super) async fn answer(service: S3Service, request: Request<Body>) -> Result<Response<Body>, HttpError> {
    if request.method() == Method::OPTIONS {
        return Ok(preflight());
    }
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    // s3s logs whole requests, `Authorization` and signed query included, and every 412 as an error: it gets no subscriber.
    let mut response = service.call(request).with_subscriber(Dispatch::none()).await?;
    if readable {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        // A browser takes an object for what it was stored as, and for nothing else.
        response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(response)
}

/// Says that any page may read; who may read what is said by the signature.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}
