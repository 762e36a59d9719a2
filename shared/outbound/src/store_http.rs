//! The S3 SDK's requests to stores that destinations name, through the guard.

use std::fmt;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use fluxgate_core::id::TenantId;
use fluxgate_core::{Error, Kind};
use reqwest::{Body, Response};

use crate::body::{Unread, read};
use crate::guard::{GuardedClient, SendError, refusal};

/// S3's answers to puts, heads and deletes are a few KiB, and the store is a tenant's to choose.
/// Objects are not read through this client.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// An HTTP client for one tenant's stores: a slow name uses up this tenant's look-ups. The guard's
/// refusal is the cause of a failure, as an error of the core; so is an answer that is too large,
/// with kind `TooLarge`.
pub fn store_http(guarded: &GuardedClient, tenant: &TenantId) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector {
        guarded: guarded.clone(),
        tenant: tenant.clone(),
    });
    http_client_fn(move |_, _| connector.clone())
}

struct Connector {
    guarded: GuardedClient,
    tenant: TenantId,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("tenant", &self.tenant)
            .finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (guarded, tenant) = (self.guarded.clone(), self.tenant.clone());
        HttpConnectorFuture::new(async move { exchange(&guarded, &tenant, request).await })
    }
}

/// Time-outs and retries are the SDK's; they cover the answer's body, which has been read here.
async fn exchange(
    guarded: &GuardedClient,
    tenant: &TenantId,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let request = reqwest::Request::try_from(request.map(Body::wrap))
        .map_err(|error| ConnectorError::user(error.without_url().into()))?;
    let request = guarded
        .request_made(tenant, request)
        .map_err(|forbidden| ConnectorError::user(forbidden.into()))?;
    let response = request.send().await.map_err(failed)?;
    let response = whole(response).await?;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
}

/// The SDK would read a body without a bound. What is too large is not read on: its connection is
/// closed, and the SDK does not repeat the request.
async fn whole(response: Response) -> Result<http::Response<SdkBody>, ConnectorError> {
    let (head, body) = http::Response::<Body>::from(response).into_parts();
    let body = read(http::Response::new(body).into(), ANSWER_BYTES_MAX);
    match body.await {
        Ok(bytes) => Ok(http::Response::from_parts(
            head,
            SdkBody::from(bytes.freeze()),
        )),
        Err(Unread::TooLarge) => Err(ConnectorError::user(too_large().into())),
        Err(Unread::Broken(error)) => Err(ConnectorError::io(error.without_url().into())),
    }
}

/// The message is the end of a sentence whose subject is the store.
fn too_large() -> Error {
    let text = format!(
        "answers with more than {ANSWER_BYTES_MAX} bytes, and S3's answers are short; \
         correct the destination's endpoint, or mend the store"
    );
    Error::new(Kind::TooLarge, "store_answer_too_large", text)
}

/// Until a status has arrived, every failure is one of the connection.
fn failed(error: SendError) -> ConnectorError {
    if let Some(forbidden) = refusal(&error) {
        return ConnectorError::user(forbidden.into());
    }
    match error {
        SendError::Invalid(error) => ConnectorError::user(error.without_url().into()),
        SendError::Late => ConnectorError::timeout(error.into()),
        SendError::Failed(_) | SendError::Flooded => ConnectorError::io(error.into()),
    }
}
