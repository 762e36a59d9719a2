//! Tenants' webhook endpoints.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::NewEndpoint;
use fluxgate_core::id::EndpointId;
use fluxgate_core::tenant::Scope;
use fluxgate_core::webhook::Endpoint;
use fluxgate_core::{Error, Result};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::error_reply::{Problem, ProblemBody};
use crate::path::Path;
use crate::state::Edge;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEndpoint)]
pub(crate) struct NewEndpointView {
    /// Absolute `https` URL.
    url: String,
    /// `task.completed`, `task.failed`; empty subscribes to all.
    #[serde(default)]
    event_types: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EndpointView {
    id: String,
    url: String,
    event_types: Vec<&'static str>,
    enabled: bool,
    created_at: String,
    /// `whsec_…`, shown once, at creation: give it to your Standard Webhooks verifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// Register an endpoint
///
/// From now on, every end of a task is POSTed there, signed according to Standard Webhooks.
#[utoipa::path(
    post, path = "/v1/endpoints", tag = "endpoints", operation_id = "create_endpoint", request_body = NewEndpointView,
    responses(
        (status = 201, body = EndpointView),
        (status = 400, body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "a token without the scope", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "too many endpoints", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "a compressed body, or JSON that is not UTF-8", body = ProblemBody, content_type = "application/problem+json")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn create(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<EndpointView>), Problem> {
    principal.require(Scope::Endpoints)?;
    let NewEndpointView { url, event_types } = body.json().await?;
    let endpoint = edge
        .endpoints
        .create(&principal.tenant, &NewEndpoint { url, event_types })
        .await?;
    let secret = endpoint
        .secrets
        .first()
        .map(|secret| secret.expose().to_owned());
    Ok((
        StatusCode::CREATED,
        Json(EndpointView {
            secret,
            ..view(&endpoint)
        }),
    ))
}

/// List the endpoints
#[utoipa::path(
    get, path = "/v1/endpoints", tag = "endpoints", operation_id = "list_endpoints",
    responses((status = 200, body = Vec<EndpointView>), (status = 401, body = ProblemBody, content_type = "application/problem+json")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
) -> std::result::Result<Json<Vec<EndpointView>>, Problem> {
    principal.require(Scope::Endpoints)?;
    Ok(Json(
        edge.endpoints
            .list(&principal.tenant)
            .await?
            .iter()
            .map(view)
            .collect(),
    ))
}

/// Read an endpoint
#[utoipa::path(
    get, path = "/v1/endpoints/{id}", tag = "endpoints", operation_id = "get_endpoint", params(("id" = String, Path)),
    responses((status = 200, body = EndpointView), (status = 404, body = ProblemBody, content_type = "application/problem+json")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn get(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<Json<EndpointView>, Problem> {
    principal.require(Scope::Endpoints)?;
    let endpoint = edge
        .endpoints
        .get(&principal.tenant, &endpoint_id(&id)?)
        .await?;
    Ok(Json(view(&endpoint)))
}

/// Delete an endpoint
///
/// Pending deliveries to it are dropped.
#[utoipa::path(
    delete, path = "/v1/endpoints/{id}", tag = "endpoints", operation_id = "delete_endpoint", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody, content_type = "application/problem+json")),
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

fn endpoint_id(text: &str) -> Result<EndpointId> {
    EndpointId::parse(text).map_err(|_| {
        Error::not_found("there is no endpoint with this id; GET /v1/endpoints lists yours")
    })
}

fn view(endpoint: &Endpoint) -> EndpointView {
    EndpointView {
        id: endpoint.id.to_string(),
        url: endpoint.url.url().to_string(),
        event_types: endpoint
            .event_types
            .iter()
            .map(|event| event.as_str())
            .collect(),
        enabled: endpoint.enabled,
        created_at: endpoint.created_at.rfc3339(),
        secret: None,
    }
}
