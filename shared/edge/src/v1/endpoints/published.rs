//! The public keys that receivers verify `v1a` by. Whoever knows the URL may read them; nothing
//! lists endpoints.

use axum::Json;
use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use fluxgate_core::Error;
use fluxgate_core::id::{EndpointId, TenantId};

use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

/// A new key is published before it signs for whoever reads again after a `kid` that it lacks.
const CACHED: [(axum::http::HeaderName, &str); 1] = [(CACHE_CONTROL, "public, max-age=300")];

/// Read the public keys of an endpoint
///
/// A JSON Web Key Set. The header `fluxgate-webhook-jwks` of each callback names its URL, and
/// `fluxgate-webhook-kid` the key.
#[utoipa::path(
    get, path = "/.well-known/webhooks/{tenant}/{endpoint}/jwks.json", tag = "endpoints", operation_id = "endpoint_keys",
    params(("tenant" = String, Path), ("endpoint" = String, Path)),
    responses((status = 200, description = "the key set", body = serde_json::Value)))]
pub(crate) async fn published_keys(
    State(edge): State<Edge>,
    Path((tenant, endpoint)): Path<(String, String)>,
) -> std::result::Result<impl IntoResponse, Problem> {
    let unknown = |_| Error::not_found("there is no such key set");
    let tenant = TenantId::parse(&tenant).map_err(unknown)?;
    let endpoint = EndpointId::parse(&endpoint).map_err(unknown)?;
    let keys = edge.endpoints.published_keys(&tenant, &endpoint).await?;
    Ok((CACHED, Json(keys)))
}
