//! The SDK's requests over `reqwest`. Failures are classified by whether the SDK may retry them.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use reqwest::{Body, Client};

#[derive(Debug)]
pub(super) struct Connector(pub(super) Client);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(exchange(client, request))
    }
}

async fn exchange(client: Client, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let request = request.map(Body::wrap).try_into().map_err(failed)?;
    let response: http::Response<Body> = client.execute(request).await.map_err(failed)?.into();
    let response = response.map(SdkBody::from_body_1_x);
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// Until a status has arrived, every failure is one of the connection.
fn failed(error: reqwest::Error) -> ConnectorError {
    let sort = match &error {
        error if error.is_timeout() => ConnectorError::timeout,
        error if error.is_builder() => ConnectorError::user,
        _ => ConnectorError::io,
    };
    sort(error.without_url().into())
}
