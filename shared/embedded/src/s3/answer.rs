//! One request: handed to s3s without logging it; the response gets the CORS headers that let web
//! pages show a picture.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, Request, Response, StatusCode};
use s3s::path::check_bucket_name;
use s3s::service::S3Service;
use s3s::{Body, HttpError};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

pub(super) async fn answer(
    service: S3Service,
    request: Request<Body>,
) -> Result<Response<Body>, HttpError> {
    if request.method() == Method::OPTIONS {
        return Ok(preflight());
    }
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    let download = download_of(&request);
    if names_unfit_bucket(&request) {
        return Ok(unfit_bucket());
    }
    let mut response = unlogged(&service, request).await?;
    if let Some(download) = download.filter(|_| response.status() == StatusCode::FORBIDDEN) {
        response = unlogged(&service, download).await?.map(|_| Body::empty());
    }
    if readable {
        response
            .headers_mut()
            .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        // The browser must take the stored content type and not guess another one.
        response
            .headers_mut()
            .insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(response)
}

/// s3s refuses them as well, and does not say what a name may be. It also decodes the path.
fn names_unfit_bucket(request: &Request<Body>) -> bool {
    let bucket = request.uri().path().split('/').nth(1).unwrap_or_default();
    !bucket.is_empty() && !bucket.contains('%') && !check_bucket_name(bucket)
}

fn unfit_bucket() -> Response<Body> {
    const TEXT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
        <Error><Code>InvalidBucketName</Code>\
        <Message>a bucket's name has 3 to 63 lower-case letters, digits, dots and hyphens, \
        and begins and ends with a letter or digit</Message></Error>";
    let mut response = Response::new(Body::from(TEXT.to_owned()));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

/// s3s logs whole requests, including `Authorization` and signed queries, and every 412 as an
/// error, so it gets no subscriber.
async fn unlogged(
    service: &S3Service,
    request: Request<Body>,
) -> Result<Response<Body>, HttpError> {
    service
        .call(request)
        .with_subscriber(Dispatch::none())
        .await
}

/// For a HEAD with a presigned URL, the GET that the URL may be for: whoever may download an object
/// may also HEAD it. S3 itself requires a separate URL for that, which the holder of a link does
/// not have.
fn download_of(request: &Request<Body>) -> Option<Request<Body>> {
    let presigned = request
        .uri()
        .query()
        .is_some_and(|query| query.contains("X-Amz-Signature="));
    if request.method() != Method::HEAD || !presigned {
        return None;
    }
    let mut download = Request::new(Body::empty());
    *download.uri_mut() = request.uri().clone();
    *download.headers_mut() = request.headers().clone();
    Some(download)
}

/// Allows any origin to read; the signature decides who may.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("GET, HEAD"),
    );
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}
