//! Rotating the secret of a tenant's drop-in callbacks, by the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{Operator, Rotation};
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookSecretRotation)]
pub(crate) struct RotationRequest {
    /// How long the secrets of before go on signing beside the new one; 0 revokes them at once.
    #[serde(default = "overlap_s")]
    #[schema(maximum = 2_592_000, default = 86_400)]
    overlap_s: u64,
    /// `whsec_` and the base64 of 24 to 64 bytes; without it one is made.
    #[schema(pattern = "^whsec_[A-Za-z0-9+/]{32,88}={0,2}$")]
    secret: Option<String>,
}

/// A day: long enough to bring the new secret to every receiver.
fn overlap_s() -> u64 {
    86_400
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RotatedView {
    /// The tenant reads it with `GET /api/v3/webhook/secret`.
    webhook_secret: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_secrets_sign_until: Option<String>,
}

/// Rotate the secret of `?webhook=` callbacks
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/webhook-secret", tag = "tenants", operation_id = "rotate_webhook_secret",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = Option<RotationRequest>,
    responses((status = 200, description = "the new secret", body = RotatedView),
        (status = 409, description = "too many secrets overlap")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Result<Json<RotatedView>, Problem> {
    let request: RotationRequest = body.optional_json().await?;
    let rotation = Rotation {
        secret: request.secret.map(Secret::new),
        overlap_ms: request.overlap_s.saturating_mul(1_000),
    };
    let id = tenant_id(&id)?;
    let (secret, until) = operator
        .rotate_webhook_secret(&id, rotation, &actor)
        .await?;
    Ok(Json(RotatedView {
        webhook_secret: secret.expose().to_owned(),
        old_secrets_sign_until: until.map(Timestamp::rfc3339),
    }))
}
