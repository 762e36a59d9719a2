//! What became of a tenant's events, and having them sent again.

pub(crate) mod query;
mod view;

pub(crate) use self::query::DeliveryParameters;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::Error;
use fluxgate_core::id::DeliveryId;
use fluxgate_core::tenant::Scope;
use fluxgate_core::time::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use self::query::moment;
pub(crate) use self::query::parsed;
use self::view::shown;
pub(crate) use self::view::{DeliveryPageView, DeliveryView, page_view, view};
use super::endpoints::{EndpointView, endpoint_id, endpoint_view};
use crate::bearer::Bearer;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::Edge;

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// List deliveries
///
/// Newest first. What was never tried shows in its task's timeline, and may be missing here.
#[utoipa::path(
    get, path = "/v1/deliveries", tag = "deliveries", operation_id = "list_deliveries",
    params(DeliveryParameters),
    responses(
        (status = 200, description = "a page of deliveries, newest first", body = DeliveryPageView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
) -> Answer<DeliveryPageView> {
    principal.require(Scope::Endpoints)?;
    let query = parsed(&query)?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let page = edge.deliveries.list(&principal.tenant, &query).await?;
    Ok(Json(page_view(&page)))
}

/// Read a delivery
///
/// With its last 20 attempts and the body as it is sent.
#[utoipa::path(
    get, path = "/v1/deliveries/{id}", tag = "deliveries", operation_id = "get_delivery", params(("id" = String, Path)),
    responses((status = 200, description = "the delivery", body = DeliveryView)),
    security(("tenant_jwt" = [])))]
pub(crate) async fn get(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Answer<DeliveryView> {
    principal.require(Scope::Endpoints)?;
    let found = edge
        .deliveries
        .show(&principal.tenant, &delivery_id(&id)?)
        .await?;
    Ok(Json(shown(found)))
}

/// Replay a delivery
///
/// It is sent now, whatever became of it. The event keeps its id, type and time; links are made
/// afresh.
#[utoipa::path(
    post, path = "/v1/deliveries/{id}/replay", tag = "deliveries", operation_id = "replay_delivery", params(("id" = String, Path)),
    responses(
        (status = 202, description = "the delivery, which is due now", body = DeliveryView),
        (status = 409, description = "an attempt is under way, the endpoint is disabled or gone, or the task was deleted")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn replay(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<(StatusCode, Json<DeliveryView>), Problem> {
    principal.require(Scope::Endpoints)?;
    let replayed = edge
        .deliveries
        .replay(&principal.tenant, &delivery_id(&id)?)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view(&replayed))))
}

/// Cancel a delivery
///
/// One that is pending or held is not sent any more.
#[utoipa::path(
    post, path = "/v1/deliveries/{id}/cancel", tag = "deliveries", operation_id = "cancel_delivery", params(("id" = String, Path)),
    responses(
        (status = 200, description = "the cancelled delivery", body = DeliveryView),
        (status = 409, description = "an attempt is under way, or it is over")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn cancel(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> Answer<DeliveryView> {
    principal.require(Scope::Endpoints)?;
    let cancelled = edge
        .deliveries
        .cancel(&principal.tenant, &delivery_id(&id)?)
        .await?;
    Ok(Json(view(&cancelled)))
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RecoveryRequest {
    /// Of events since then; without it all that are kept.
    #[schema(format = DateTime)]
    since: Option<String>,
}

impl RecoveryRequest {
    pub(crate) fn since(&self) -> Result<Option<Timestamp>, Error> {
        let since = self.since.as_deref().map(moment).transpose();
        since.map_err(|error| error.field("since"))
    }
}

/// Recover an endpoint
///
/// Everything that was held or has used up its attempts is sent again, a page at a time. The
/// endpoint's `recovery` tells how far it has come.
#[utoipa::path(
    post, path = "/v1/endpoints/{id}/recover", tag = "endpoints", operation_id = "recover_endpoint", params(("id" = String, Path)),
    request_body = Option<RecoveryRequest>,
    responses(
        (status = 202, description = "the endpoint, with its recovery", body = EndpointView),
        (status = 409, description = "it is disabled, or a recovery is under way")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn recover(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
    body: RawBody,
) -> std::result::Result<(StatusCode, Json<EndpointView>), Problem> {
    principal.require(Scope::Endpoints)?;
    let request: RecoveryRequest = body.optional_json().await?;
    let since = request.since()?;
    let id = endpoint_id(&id)?;
    let endpoint = edge
        .deliveries
        .recover(&principal.tenant, &id, since)
        .await?;
    let view = endpoint_view(&endpoint, edge.endpoints.now());
    Ok((StatusCode::ACCEPTED, Json(view)))
}

pub(crate) fn delivery_id(text: &str) -> Result<DeliveryId, Error> {
    DeliveryId::parse(text).map_err(|_| {
        Error::not_found("there is no delivery of this id; GET /v1/deliveries lists yours")
    })
}
