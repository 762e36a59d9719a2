//! Changing what an endpoint signs with.

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Rotation;
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::Scope;
use serde::Deserialize;
use utoipa::ToSchema;

use super::view::{EndpointView, endpoint_view};
use super::{Answer, endpoint_id};
use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::path::Path;
use crate::state::Edge;

/// A day: long enough to bring the new secret to every receiver.
const OVERLAP_S: u64 = 86_400;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotationRequest {
    /// How long what signs now goes on signing beside the new one; 0 revokes it at once.
    #[serde(default = "overlap_s")]
    #[schema(maximum = 2_592_000, default = 86_400)]
    overlap_s: u64,
    /// Your own, `whsec_` and the base64 of 24 to 64 bytes; without it one is made.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{32,88}={0,2}$")]
    secret: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRotationRequest {
    /// How long the old key stays published and signs beside the new one; 0 revokes it at once.
    #[serde(default = "overlap_s")]
    #[schema(maximum = 2_592_000, default = 86_400)]
    overlap_s: u64,
}

impl RotationRequest {
    pub(crate) fn rotation(self) -> Rotation {
        Rotation {
            secret: self.secret.map(Secret::new),
            overlap_ms: self.overlap_s.saturating_mul(1_000),
        }
    }
}

impl KeyRotationRequest {
    pub(crate) fn overlap_ms(&self) -> u64 {
        self.overlap_s.saturating_mul(1_000)
    }
}

fn overlap_s() -> u64 {
    OVERLAP_S
}

/// Rotate an endpoint's secret
///
/// The new secret is in the answer, and nowhere again. Both sign until the overlap is over.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/secret", tag = "endpoints", operation_id = "rotate_endpoint_secret", params(("id" = String, Path)),
    request_body = Option<RotationRequest>,
    responses(
        (status = 200, description = "the endpoint, with its new secret", body = EndpointView),
        (status = 409, description = "too many secrets overlap")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn rotate_secret(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<EndpointView> {
    principal.require(Scope::Endpoints)?;
    let request: RotationRequest = body.optional_json().await?;
    let id = endpoint_id(&id)?;
    let rotated = edge
        .endpoints
        .rotate_secret(&principal.tenant, &id, request.rotation());
    let (endpoint, secret) = rotated.await?;
    let view = endpoint_view(&endpoint, edge.endpoints.now());
    Ok(Json(view.with_secret(&secret)))
}

/// Rotate an endpoint's signing key
///
/// Of one that signs by `v1a`. Both keys are published and sign until the overlap is over.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/signing-key", tag = "endpoints", operation_id = "rotate_endpoint_key", params(("id" = String, Path)),
    request_body = Option<KeyRotationRequest>,
    responses(
        (status = 200, description = "the endpoint, with its new key", body = EndpointView),
        (status = 409, description = "it does not sign by v1a, or too many keys overlap")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn rotate_key(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<EndpointView> {
    principal.require(Scope::Endpoints)?;
    let request: KeyRotationRequest = body.optional_json().await?;
    let id = endpoint_id(&id)?;
    let rotated = edge
        .endpoints
        .rotate_key(&principal.tenant, &id, request.overlap_ms());
    Ok(Json(endpoint_view(&rotated.await?, edge.endpoints.now())))
}
