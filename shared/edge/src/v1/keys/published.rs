//! The public keys that verify API keys. Anybody may read them.

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;

use crate::error_reply::Problem;
use crate::state::Edge;

/// A new key is published before it signs for whoever reads again after a `kid` that it lacks.
const CACHED: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=300")];

/// Read the public keys of API keys
///
/// A JSON Web Key Set (RFC 7517): every API key is a JWT that one of them verifies. Whether it was
/// revoked, only the gateway knows.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys", operation_id = "api_key_jwks",
    responses((status = 200, description = "the key set", body = serde_json::Value)))]
pub(crate) async fn jwks(
    State(edge): State<Edge>,
) -> std::result::Result<impl IntoResponse, Problem> {
    Ok((CACHED, Json(edge.keys.jwks().await?)))
}
