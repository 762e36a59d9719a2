//! Where a tenant wants its events.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::id::EndpointId;
use fluxgate_core::port::{Ids as _, Purpose};
use fluxgate_core::secret::Secret;
use fluxgate_core::tenant::Scope;
use fluxgate_core::webhook::{CallbackUrl, Endpoint, EventType, too_many_endpoints};
use fluxgate_core::{Error, Result, echo};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::error_reply::{Problem, ProblemBody};
use crate::path::Path;
use crate::state::Edge;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewEndpoint {
    /// Absolute, https.
    url: String,
    /// `task.completed`, `task.failed`; none means all.
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
/// Every later end of a task is POSTed there, signed as Standard Webhooks prescribe.
#[utoipa::path(
    post, path = "/v1/endpoints", tag = "endpoints", operation_id = "create_endpoint", request_body = NewEndpoint,
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
    let new: NewEndpoint = body.json().await?;
    let ports = &edge.fluxgate.ports;
    let url = CallbackUrl::parse_new(&new.url).map_err(|error| error.field("url"))?;
    ports.guard.admit(Purpose::Callback, url.url()).map_err(|error| error.field("url"))?;
    let event_types = new.event_types.iter().map(|text| event_type(text)).collect::<Result<_>>()?;
    let endpoints_max = edge.fluxgate.bounds().endpoints_max;
    // The write decides; a tenant that is full is not worth a look-up.
    if ports.store.endpoints().list(&principal.tenant).await?.len() >= endpoints_max {
        return Err(too_many_endpoints(endpoints_max).into());
    }
    // Last, because a name may take its time.
    let checked = ports.guard.check(&principal.tenant, Purpose::Callback, url.url()).await;
    checked.map_err(|error| error.field("url"))?;
    let now = ports.clock.now();
    let mut random = [0; 32];
    ports.entropy.fill(&mut random);
    let secret = Secret::webhook(random);
    let endpoint = Endpoint {
        tenant: principal.tenant,
        id: ports.entropy.endpoint_id(now),
        url,
        secrets: vec![secret.clone()],
        event_types,
        enabled: true,
        created_at: now,
    };
    ports.store.endpoints().create(&endpoint, endpoints_max).await?;
    let view = EndpointView { secret: Some(secret.expose().to_owned()), ..view(&endpoint) };
    Ok((StatusCode::CREATED, Json(view)))
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
    let listed = edge.fluxgate.ports.store.endpoints().list(&principal.tenant).await?;
    Ok(Json(listed.endpoints.iter().map(view).collect()))
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
    let endpoint = edge.fluxgate.ports.store.endpoints().get(&principal.tenant, &endpoint_id(&id)?).await?;
    Ok(Json(view(&endpoint)))
}

/// Delete an endpoint
///
/// What is on its way to it is sent no more.
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
    edge.fluxgate.ports.store.endpoints().delete(&principal.tenant, &endpoint_id(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn endpoint_id(text: &str) -> Result<EndpointId> {
    EndpointId::parse(text)
        .map_err(|_| Error::not_found("there is no endpoint of this id; GET /v1/endpoints lists yours"))
}

fn event_type(text: &str) -> Result<EventType> {
    let known = [EventType::TaskCompleted, EventType::TaskFailed];
    known.into_iter().find(|event| event.as_str() == text).ok_or_else(|| {
        let [completed, failed] = known.map(EventType::as_str);
        let text = format!("'{}' is not an event type; there are {completed} and {failed}", echo(text));
        Error::invalid("invalid_parameter", text).field("event_types")
    })
}

fn view(endpoint: &Endpoint) -> EndpointView {
    EndpointView {
        id: endpoint.id.to_string(),
        url: endpoint.url.url().to_string(),
        event_types: endpoint.event_types.iter().map(|event| event.as_str()).collect(),
        enabled: endpoint.enabled,
        created_at: endpoint.created_at.rfc3339(),
        secret: None,
    }
}
