//! Any tenant's endpoints, for the operator: the tenant's own use cases, recorded in the audit log.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::Result;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::tenant::Actor;
use fluxgate_core::webhook::Endpoint;

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::state::OperatorEdge;
use crate::v1::deliveries::RecoveryRequest;
use crate::v1::endpoints::{
    EndpointRequest, EndpointView, KeyRotationRequest, RotationRequest, TestRequest, TestView,
    endpoint_id, endpoint_view, refuse_secret,
};

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// The endpoint that a path names.
struct Named {
    tenant: TenantId,
    endpoint: EndpointId,
}

impl Named {
    fn parse((tenant, endpoint): &(String, String)) -> Result<Self> {
        Ok(Self {
            tenant: tenant_id(tenant)?,
            endpoint: endpoint_id(endpoint)?,
        })
    }

    /// Records what is about to be done with it.
    async fn record(&self, edge: &OperatorEdge, by: &str, actor: &Actor) -> Result<()> {
        // One that there is not is no change of anything.
        edge.endpoints.get(&self.tenant, &self.endpoint).await?;
        let endpoint = Some(&self.endpoint);
        edge.operator
            .record_endpoint(&self.tenant, endpoint, by, actor)
            .await
    }
}

/// An operator sees of a callback's URL where it leads, and not the secrets that it may hold.
fn view(edge: &OperatorEdge, endpoint: &Endpoint) -> EndpointView {
    endpoint_view(endpoint, edge.endpoints.now()).masked(endpoint)
}

/// Register an endpoint for a tenant
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/endpoints", tag = "callbacks", operation_id = "create_tenant_endpoint",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = EndpointRequest,
    responses((status = 201, description = "the new endpoint, with its secret", body = EndpointView),
        (status = 409, description = "too many endpoints, or one of this URL")),
    security(("admin_token" = [])))]
pub(crate) async fn create(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<EndpointView>), Problem> {
    let tenant = tenant_id(&id)?;
    let request: EndpointRequest = body.json().await?;
    let (change, secret) = request.parts()?;
    edge.operator
        .record_endpoint(&tenant, None, "create", &actor)
        .await?;
    let new = edge.endpoints.create(&tenant, &change, secret).await?;
    let created = view(&edge, &new.endpoint).with_secret(&new.secret);
    Ok((StatusCode::CREATED, Json(created)))
}

/// List a tenant's endpoints
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/endpoints", tag = "callbacks", operation_id = "list_tenant_endpoints",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "all of them", body = Vec<EndpointView>)),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(edge): State<OperatorEdge>,
    Path(id): Path<String>,
) -> Answer<Vec<EndpointView>> {
    let tenant = tenant_id(&id)?;
    edge.operator.check_has_endpoints(&tenant).await?;
    let endpoints = edge.endpoints.list(&tenant).await?;
    let views = endpoints.iter().map(|endpoint| view(&edge, endpoint));
    Ok(Json(views.collect()))
}

/// Read an endpoint
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}", tag = "callbacks", operation_id = "get_tenant_endpoint",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    responses((status = 200, description = "the endpoint", body = EndpointView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(edge): State<OperatorEdge>,
    Path(path): Path<(String, String)>,
) -> Answer<EndpointView> {
    let named = Named::parse(&path)?;
    let endpoint = edge.endpoints.get(&named.tenant, &named.endpoint).await?;
    Ok(Json(view(&edge, &endpoint)))
}

/// Change an endpoint
#[utoipa::path(
    patch, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}", tag = "callbacks", operation_id = "change_tenant_endpoint",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    request_body = EndpointRequest,
    responses((status = 200, description = "the endpoint as it is now", body = EndpointView),
        (status = 409, description = "another endpoint of this URL, or a change at the same time")),
    security(("admin_token" = [])))]
pub(crate) async fn change(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    body: RawBody,
) -> Answer<EndpointView> {
    let named = Named::parse(&path)?;
    let request: EndpointRequest = body.json().await?;
    let request_told = request.told();
    let (change, secret) = request.parts()?;
    refuse_secret(secret.as_ref())?;
    let before = edge.endpoints.get(&named.tenant, &named.endpoint).await?;
    let before = serde_json::to_value(view(&edge, &before)).unwrap_or_default();
    edge.operator
        .record_endpoint_change(
            &named.tenant,
            &named.endpoint,
            (&before, &request_told),
            &actor,
        )
        .await?;
    let changed = edge
        .endpoints
        .change(&named.tenant, &named.endpoint, &change)
        .await?;
    Ok(Json(view(&edge, &changed)))
}

/// Delete an endpoint
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}", tag = "callbacks", operation_id = "delete_tenant_endpoint",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    responses((status = 204, description = "it is deleted")),
    security(("admin_token" = [])))]
pub(crate) async fn delete(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
) -> std::result::Result<StatusCode, Problem> {
    let named = Named::parse(&path)?;
    named.record(&edge, "delete", &actor).await?;
    edge.endpoints
        .delete(&named.tenant, &named.endpoint)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Rotate an endpoint's secret
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}/secret", tag = "callbacks", operation_id = "rotate_tenant_endpoint_secret",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    request_body = Option<RotationRequest>,
    responses((status = 200, description = "the endpoint, with its new secret", body = EndpointView),
        (status = 409, description = "too many secrets overlap")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate_secret(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    body: RawBody,
) -> Answer<EndpointView> {
    let named = Named::parse(&path)?;
    let request: RotationRequest = body.optional_json().await?;
    named.record(&edge, "rotate_secret", &actor).await?;
    let (endpoint, secret) = edge
        .endpoints
        .rotate_secret(&named.tenant, &named.endpoint, request.rotation())
        .await?;
    Ok(Json(view(&edge, &endpoint).with_secret(&secret)))
}

/// Rotate an endpoint's signing key
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}/signing-key", tag = "callbacks", operation_id = "rotate_tenant_endpoint_key",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    request_body = Option<KeyRotationRequest>,
    responses((status = 200, description = "the endpoint, with its new key", body = EndpointView),
        (status = 409, description = "it does not sign by v1a, or too many keys overlap")),
    security(("admin_token" = [])))]
pub(crate) async fn rotate_key(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    body: RawBody,
) -> Answer<EndpointView> {
    let named = Named::parse(&path)?;
    let request: KeyRotationRequest = body.optional_json().await?;
    named.record(&edge, "rotate_key", &actor).await?;
    let endpoint = edge
        .endpoints
        .rotate_key(&named.tenant, &named.endpoint, request.overlap_ms())
        .await?;
    Ok(Json(view(&edge, &endpoint)))
}

/// Send a sample event
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}/test", tag = "callbacks", operation_id = "test_tenant_endpoint",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    request_body = Option<TestRequest>,
    responses((status = 200, description = "what became of it", body = TestView),
        (status = 409, description = "the endpoint is disabled"),
        (status = 429, description = "`too_many_tests`")),
    security(("admin_token" = [])))]
pub(crate) async fn test(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    body: RawBody,
) -> Answer<TestView> {
    let named = Named::parse(&path)?;
    let request: TestRequest = body.optional_json().await?;
    let event = request.event()?;
    named.record(&edge, "test", &actor).await?;
    let outcome = edge
        .endpoints
        .test(&named.tenant, &named.endpoint, event)
        .await?;
    Ok(Json(TestView::of(event, &outcome).masked()))
}

/// Recover an endpoint
///
/// What was held or has used up its attempts is sent again.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/endpoints/{endpoint}/recover", tag = "callbacks", operation_id = "recover_tenant_endpoint",
    params(("id" = String, Path, description = "the tenant's id"), ("endpoint" = String, Path)),
    request_body = Option<RecoveryRequest>,
    responses((status = 202, description = "the endpoint, with its recovery", body = EndpointView),
        (status = 409, description = "it is disabled, or a recovery is under way")),
    security(("admin_token" = [])))]
pub(crate) async fn recover(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<EndpointView>), Problem> {
    let named = Named::parse(&path)?;
    let request: RecoveryRequest = body.optional_json().await?;
    let since = request.since()?;
    named.record(&edge, "recover", &actor).await?;
    let endpoint = edge
        .deliveries
        .recover(&named.tenant, &named.endpoint, since)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view(&edge, &endpoint))))
}
