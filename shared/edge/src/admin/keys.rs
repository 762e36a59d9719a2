//! Any tenant's API keys, for the operator: the tenant's own use cases.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::{ApiKeys, Maker};

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::v1::keys::{KeyRequest, KeyRotation, KeyView, key_id};

type Answer<T> = std::result::Result<Json<T>, Problem>;
type Created<T> = std::result::Result<(StatusCode, Json<T>), Problem>;

/// Make an API key for a tenant
///
/// `key` is the token: it is in this answer, and nowhere again.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/keys", tag = "keys", operation_id = "create_tenant_key",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = KeyRequest,
    responses((status = 201, description = "the new key, with its token", body = KeyView),
        (status = 409, description = "`too_many_keys`: the tenant has 50")),
    security(("admin_token" = [])))]
pub(crate) async fn create(
    State(keys): State<Arc<ApiKeys>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Created<KeyView> {
    let (tenant, now) = (tenant_id(&id)?, keys.now());
    let request: KeyRequest = body.json().await?;
    let new = request.parse(now)?;
    let issued = keys.create(&tenant, &new, &Maker::Operator(actor)).await?;
    Ok((StatusCode::CREATED, Json(KeyView::issued(&issued, now))))
}

/// List a tenant's API keys
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/keys", tag = "keys", operation_id = "list_tenant_keys",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "all that were not revoked, oldest first", body = Vec<KeyView>)),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(keys): State<Arc<ApiKeys>>,
    Path(id): Path<String>,
) -> Answer<Vec<KeyView>> {
    let (listed, now) = (keys.list(&tenant_id(&id)?).await?, keys.now());
    let views = listed.iter().map(|key| KeyView::of(key, now));
    Ok(Json(views.collect()))
}

/// Read an API key
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/keys/{key}", tag = "keys", operation_id = "get_tenant_key",
    params(("id" = String, Path, description = "the tenant's id"), ("key" = String, Path)),
    responses((status = 200, description = "the key, without its token", body = KeyView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(keys): State<Arc<ApiKeys>>,
    Path((id, key)): Path<(String, String)>,
) -> Answer<KeyView> {
    let key = keys.get(&tenant_id(&id)?, &key_id(&key)?).await?;
    let used = keys.used_this_month(&key).await?;
    Ok(Json(KeyView::of(&key, keys.now()).with_use(used)))
}

/// Revoke an API key
///
/// It and the keys that it made are refused everywhere within 10 seconds, and requests that they
/// hold open end.
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/keys/{key}", tag = "keys", operation_id = "revoke_tenant_key",
    params(("id" = String, Path, description = "the tenant's id"), ("key" = String, Path)),
    responses((status = 204, description = "it is revoked")),
    security(("admin_token" = [])))]
pub(crate) async fn revoke(
    State(keys): State<Arc<ApiKeys>>,
    Caller(actor): Caller,
    Path((id, key)): Path<(String, String)>,
) -> std::result::Result<StatusCode, Problem> {
    let (tenant, key) = (tenant_id(&id)?, key_id(&key)?);
    keys.revoke(&tenant, &key, &Maker::Operator(actor)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate an API key
///
/// Makes a key like it. The old one is valid until the overlap is over.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/keys/{key}/rotate", tag = "keys", operation_id = "rotate_tenant_key",
    params(("id" = String, Path, description = "the tenant's id"), ("key" = String, Path)),
    request_body = Option<KeyRotation>,
    responses((status = 201, description = "the new key, with its token", body = KeyView),
        (status = 409, description = "`too_many_keys`: the tenant has 50")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate(
    State(keys): State<Arc<ApiKeys>>,
    Caller(actor): Caller,
    Path((id, key)): Path<(String, String)>,
    body: RawBody,
) -> Created<KeyView> {
    let (tenant, key) = (tenant_id(&id)?, key_id(&key)?);
    let request: KeyRotation = body.optional_json().await?;
    let (maker, now) = (Maker::Operator(actor), keys.now());
    let rotated = keys.rotate(&tenant, &key, request.overlap_ms(), &maker);
    let view = KeyView::issued(&rotated.await?, now);
    Ok((StatusCode::CREATED, Json(view)))
}
