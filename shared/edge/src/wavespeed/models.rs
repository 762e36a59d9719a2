//! The catalogue, at the tenant's prices.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use fluxgate_core::tenant::Scope;

use super::envelope::Envelope;
use super::models_cache::ModelsCache;
use super::upload_described::ModelEntry;
use crate::bearer::WaveSpeedBearer;
use crate::coding::Coding;
use crate::error_reply::WaveSpeedError;
use crate::state::Edge;

/// List the models
///
/// `data` is a bare array of the models that the tenant may use; each entry has the tenant's price
/// and the JSON Schema of the model's inputs, and says to submit here. With hundreds of models it
/// is megabytes: ask for `gzip` or `br`, and repeat the `ETag` in `If-None-Match`.
#[utoipa::path(
    get, path = "/api/v3/models", tag = "models", operation_id = "models",
    params(("If-None-Match" = Option<String>, Header, description = "the `ETag` of the list that the client has"),
        ("Accept-Encoding" = Option<String>, Header, description = "`br` and `gzip` are honoured")),
    responses(
        (status = 200, description = "the models that the tenant may use", body = Envelope<Vec<ModelEntry>>, headers(("ETag" = String, description = "changes with the list"))),
        (status = 304, description = "the client has this list")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn models(
    State(edge): State<Edge>,
    Extension(cache): Extension<ModelsCache>,
    WaveSpeedBearer(principal): WaveSpeedBearer,
    headers: HeaderMap,
) -> Result<Response, WaveSpeedError> {
    principal.require(Scope::Read)?;
    let models = edge.gateway.models(&principal.tenant).await?;
    let list = cache.list(models).await?;
    let told = [
        (ETAG, list.etag.clone()),
        (
            VARY,
            HeaderValue::from_static("accept-encoding, authorization"),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("private, no-cache")),
    ];
    if has(&headers, &list.etag) {
        return Ok((StatusCode::NOT_MODIFIED, told).into_response());
    }
    let (coding, bytes) = cache.coded(&list, Coding::of(&headers)).await?;
    let mut response = (told, Body::from(bytes)).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    if let Some(name) = coding.name() {
        let name = HeaderValue::from_static(name);
        response.headers_mut().insert(CONTENT_ENCODING, name);
    }
    Ok(response)
}

/// Whether the client has this list, by the weak comparison of RFC 9110, 13.1.2.
fn has(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let etag = opaque(etag.to_str().unwrap_or_default());
    let values = headers.get_all(IF_NONE_MATCH).iter();
    let mut tags = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    tags.any(|tag| tag.trim() == "*" || opaque(tag) == etag)
}
