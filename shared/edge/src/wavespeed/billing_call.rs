//! A request about money on the provider's paths: who asks, with the scope for it, and for what.

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts as _, Request};
use fluxgate_core::tenant::{Principal, Scope};
use serde::de::DeserializeOwned;

use super::envelope::Envelope;
use crate::bearer::WaveSpeedBearer;
use crate::body::RawBody;
use crate::error_reply::WaveSpeedError;
use crate::state::Edge;

pub(crate) struct BillingCall<T> {
    pub(crate) principal: Principal,
    pub(crate) request: T,
}

/// What is answered.
pub(crate) type Answer<T> = Result<Json<Envelope<T>>, WaveSpeedError>;

impl<T: DeserializeOwned + Send + 'static> FromRequest<Edge> for BillingCall<T> {
    type Rejection = WaveSpeedError;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, WaveSpeedError> {
        let (mut parts, body) = request.into_parts();
        let WaveSpeedBearer(principal) =
            WaveSpeedBearer::from_request_parts(&mut parts, edge).await?;
        principal.require(Scope::Billing)?;
        let Ok(body) = RawBody::from_request(Request::from_parts(parts, body), edge).await;
        Ok(Self {
            principal,
            request: body.json().await?,
        })
    }
}
