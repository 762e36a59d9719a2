//! The SDK's requests to this process's buckets, without a connection: clients that fill the
//! buckets' listener cannot delay archiving.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use fluxgate_embedded::s3::S3Direct;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};

pub(super) fn http_client(buckets: S3Direct) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(InProcess(buckets));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct InProcess(S3Direct);

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let buckets = self.0.clone();
        HttpConnectorFuture::new(exchange(buckets, request))
    }
}

async fn exchange(buckets: S3Direct, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let request = as_received(request).map_err(|error| ConnectorError::user(error.into()))?;
    let response = buckets.call(request).await.map_err(ConnectorError::io)?;
    let response = response.map(SdkBody::from_body_1_x);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// What an HTTP client does to a request before sending it: the authority goes into `Host`, the
/// path stays.
fn as_received(mut request: Request<SdkBody>) -> http::Result<Request<SdkBody>> {
    let uri = request.uri().clone();
    if let Some(authority) = uri.authority() {
        request
            .headers_mut()
            .entry(HOST)
            .or_insert(HeaderValue::from_str(authority.as_str())?);
    }
    let path = uri
        .path_and_query()
        .cloned()
        .unwrap_or_else(|| PathAndQuery::from_static("/"));
    *request.uri_mut() = Uri::from(path);
    Ok(request)
}
