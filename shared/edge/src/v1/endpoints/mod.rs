//! Tenants' webhook endpoints.

mod published;
mod rotation;
mod test_event;
mod view;

pub(crate) use published::*;
pub(crate) use rotation::*;
pub(crate) use test_event::*;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::id::EndpointId;
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Result};

pub(crate) use self::view::{EndpointRequest, EndpointView, endpoint_view};
use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::Edge;

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// Register an endpoint
///
/// Every later event that it wants is POSTed there, signed as Standard Webhooks prescribe.
#[utoipa::path(
    post, path = "/v1/endpoints", tag = "endpoints", operation_id = "create_endpoint", request_body = EndpointRequest,
    responses(
        (status = 201, description = "the new endpoint, with its secret", body = EndpointView),
        (status = 409, description = "too many endpoints, or one of this URL")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn create(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<EndpointView>), Problem> {
    principal.require(Scope::Endpoints)?;
    let request: EndpointRequest = body.json().await?;
    let (change, secret) = request.parts()?;
    let new = edge
        .endpoints
        .create(&principal.tenant, &change, secret)
        .await?;
    let created = endpoint_view(&new.endpoint, edge.endpoints.now()).with_secret(&new.secret);
    Ok((StatusCode::CREATED, Json(created)))
}

/// List the endpoints
#[utoipa::path(
    get, path = "/v1/endpoints", tag = "endpoints", operation_id = "list_endpoints",
    responses((status = 200, description = "all endpoints of the tenant", body = Vec<EndpointView>)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
) -> Answer<Vec<EndpointView>> {
    principal.require(Scope::Endpoints)?;
    let endpoints = edge.endpoints.list(&principal.tenant).await?;
    let now = edge.endpoints.now();
    Ok(Json(
        endpoints
            .iter()
            .map(|endpoint| endpoint_view(endpoint, now))
            .collect(),
    ))
}

/// Read an endpoint
#[utoipa::path(
    get, path = "/v1/endpoints/{id}", tag = "endpoints", operation_id = "get_endpoint", params(("id" = String, Path)),
    responses((status = 200, description = "the endpoint", body = EndpointView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn get(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Answer<EndpointView> {
    principal.require(Scope::Endpoints)?;
    let endpoint = edge
        .endpoints
        .get(&principal.tenant, &endpoint_id(&id)?)
        .await?;
    Ok(Json(endpoint_view(&endpoint, edge.endpoints.now())))
}

/// Change an endpoint
///
/// What is left out stays as it is. `enabled` true lets callbacks pass again, with a clean record.
#[utoipa::path(
    patch, path = "/v1/endpoints/{id}", tag = "endpoints", operation_id = "change_endpoint", params(("id" = String, Path)),
    request_body = EndpointRequest,
    responses(
        (status = 200, description = "the endpoint as it is now", body = EndpointView),
        (status = 409, description = "another endpoint of this URL")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn change(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<EndpointView> {
    principal.require(Scope::Endpoints)?;
    let request: EndpointRequest = body.json().await?;
    let (change, secret) = request.parts()?;
    refuse_secret(secret.as_ref())?;
    let id = endpoint_id(&id)?;
    let endpoint = edge
        .endpoints
        .change(&principal.tenant, &id, &change)
        .await?;
    Ok(Json(endpoint_view(&endpoint, edge.endpoints.now())))
}

/// Delete an endpoint
///
/// Pending deliveries to it are dropped.
#[utoipa::path(
    delete, path = "/v1/endpoints/{id}", tag = "endpoints", operation_id = "delete_endpoint", params(("id" = String, Path)),
    responses((status = 204, description = "it is deleted")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn delete(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<StatusCode, Problem> {
    principal.require(Scope::Endpoints)?;
    edge.endpoints
        .delete(&principal.tenant, &endpoint_id(&id)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A change without an overlap would lock out the receiver.
pub(crate) fn refuse_secret(secret: Option<&Secret>) -> Result<()> {
    if secret.is_none() {
        return Ok(());
    }
    let text = "a secret is changed by POST /v1/endpoints/{id}/secret, with an overlap";
    Err(Error::invalid("unknown_parameter", text).field("secret"))
}

pub(crate) fn endpoint_id(text: &str) -> Result<EndpointId> {
    EndpointId::parse(text).map_err(|_| {
        Error::not_found("there is no endpoint with this id; GET /v1/endpoints lists yours")
    })
}
