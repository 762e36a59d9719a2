//! The keys that sign API keys, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::{ApiKeys, SigningStatus};
use fluxgate_core::time::Timestamp;
use serde::Serialize;

use super::caller::Caller;
use crate::error_reply::Problem;

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct SigningKeysView {
    /// The `iss` of every API key; `null` before the first.
    issuer: Option<String>,
    /// The active one first.
    keys: Vec<SigningKeyView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SigningKeyView {
    kid: String,
    added_at: String,
    /// When another one began to sign. It is published until the last key that it signed is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired_at: Option<String>,
    /// How many API keys it has signed that were not revoked.
    api_keys: usize,
}

impl From<SigningStatus> for SigningKeysView {
    fn from(status: SigningStatus) -> Self {
        let keys = status.keys.into_iter().map(|signing| SigningKeyView {
            kid: signing.key.kid,
            added_at: signing.key.added_at.rfc3339(),
            retired_at: signing.key.retired_at.map(Timestamp::rfc3339),
            api_keys: signing.api_keys,
        });
        Self {
            issuer: status.issuer,
            keys: keys.collect(),
        }
    }
}

/// Read the keys that sign API keys
#[utoipa::path(
    get, path = "/admin/v1/signing-keys", tag = "keys", operation_id = "signing_keys",
    responses((status = 200, description = "the public keys", body = SigningKeysView)),
    security(("admin_token" = [])))]
pub(crate) async fn status(
    State(keys): State<Arc<ApiKeys>>,
) -> Result<Json<SigningKeysView>, Problem> {
    Ok(Json(keys.signing_status().await?.into()))
}

/// Rotate the key that signs API keys
///
/// A new one signs from now on. API keys that were made before stay valid.
#[utoipa::path(
    post, path = "/admin/v1/signing-keys/rotate", tag = "keys", operation_id = "rotate_signing_key",
    responses((status = 200, description = "the public keys", body = SigningKeysView),
        (status = 409, description = "the key was rotated meanwhile")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate(
    State(keys): State<Arc<ApiKeys>>,
    Caller(actor): Caller,
) -> Result<Json<SigningKeysView>, Problem> {
    Ok(Json(keys.rotate_signing(&actor).await?.into()))
}
