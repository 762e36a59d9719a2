//! A tenant's own API keys.

mod published;
mod view;

pub(crate) use published::*;
pub(crate) use view::*;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::Maker;
use fluxgate_core::id::KeyId;
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Result};

use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

type Answer<T> = std::result::Result<Json<T>, Problem>;
type Created<T> = std::result::Result<(StatusCode, Json<T>), Problem>;

/// Make an API key
///
/// `key` is the token: it is in this answer, and nowhere again. It may do no more than the token
/// that makes it: no other scopes and models, no higher spending, and no later end than the key's
/// that makes it. Keys that a key with a limit
/// makes are counted together with it.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "create_key", request_body = KeyRequest,
    responses(
        (status = 201, description = "the new key, with its token", body = KeyView),
        (status = 409, description = "`too_many_keys`: the tenant has 50")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn create(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    body: RawBody,
) -> Created<KeyView> {
    principal.require(Scope::Keys)?;
    edge.throttle.new_key(&principal.tenant)?;
    let request: KeyRequest = body.json().await?;
    let now = edge.keys.now();
    let new = request.parse(now)?;
    let tenant = principal.tenant.clone();
    let maker = Maker::Tenant(principal);
    let issued = edge.keys.create(&tenant, &new, &maker).await?;
    Ok((StatusCode::CREATED, Json(KeyView::issued(&issued, now))))
}

/// List the API keys
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "list_keys",
    responses((status = 200, description = "all that were not revoked, oldest first", body = Vec<KeyView>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
) -> Answer<Vec<KeyView>> {
    principal.require(Scope::Keys)?;
    let keys = edge.keys.list(&principal.tenant).await?;
    let now = edge.keys.now();
    let views = keys.iter().map(|key| KeyView::of(key, now));
    Ok(Json(views.collect()))
}

/// Read an API key
#[utoipa::path(
    get, path = "/v1/keys/{id}", tag = "keys", operation_id = "get_key", params(("id" = String, Path)),
    responses((status = 200, description = "the key, without its token", body = KeyView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn get(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Answer<KeyView> {
    principal.require(Scope::Keys)?;
    let key = edge.keys.get(&principal.tenant, &key_id(&id)?).await?;
    let used = edge.keys.used_this_month(&key).await?;
    Ok(Json(KeyView::of(&key, edge.keys.now()).with_use(used)))
}

/// Revoke an API key
///
/// It and the keys that it made are refused everywhere within 10 seconds, and requests that they
/// hold open end.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys", operation_id = "revoke_key", params(("id" = String, Path)),
    responses((status = 204, description = "it is revoked")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn revoke(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<StatusCode, Problem> {
    principal.require(Scope::Keys)?;
    let (tenant, id) = (principal.tenant.clone(), key_id(&id)?);
    let maker = Maker::Tenant(principal);
    edge.keys.revoke(&tenant, &id, &maker).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate an API key
///
/// Makes a key like it, which has its name, scopes, models and limit, and the same lifetime from
/// now on, but no later end than the key's that rotates it. The old one is valid until the overlap
/// is over.
#[utoipa::path(
    post, path = "/v1/keys/{id}/rotate", tag = "keys", operation_id = "rotate_key", params(("id" = String, Path)),
    request_body = Option<KeyRotation>,
    responses(
        (status = 201, description = "the new key, with its token", body = KeyView),
        (status = 409, description = "`too_many_keys`: the tenant has 50")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn rotate(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> Created<KeyView> {
    principal.require(Scope::Keys)?;
    edge.throttle.new_key(&principal.tenant)?;
    let request: KeyRotation = body.optional_json().await?;
    let (tenant, id) = (principal.tenant.clone(), key_id(&id)?);
    let (maker, now) = (Maker::Tenant(principal), edge.keys.now());
    let rotated = edge.keys.rotate(&tenant, &id, request.overlap_ms(), &maker);
    let view = KeyView::issued(&rotated.await?, now);
    Ok((StatusCode::CREATED, Json(view)))
}

pub(crate) fn key_id(text: &str) -> Result<KeyId> {
    KeyId::parse(text).map_err(|_| {
        Error::not_found("there is no API key with this id; ids are 32 hex characters")
    })
}
