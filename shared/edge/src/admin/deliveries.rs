//! Any tenant's deliveries, for the operator: what became of each, without its body, and having it
//! sent again.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::Result;
use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::tenant::Actor;

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::OperatorEdge;
use crate::v1::deliveries::{
    DeliveryPageView, DeliveryParameters, DeliveryView, delivery_id, page_view, parsed, view,
};

type Answer<T> = std::result::Result<Json<T>, Problem>;

/// The delivery that a path names.
struct Named {
    tenant: TenantId,
    delivery: DeliveryId,
}

impl Named {
    fn parse((tenant, delivery): &(String, String)) -> Result<Self> {
        Ok(Self {
            tenant: tenant_id(tenant)?,
            delivery: delivery_id(delivery)?,
        })
    }

    /// Records what is about to be done with it.
    async fn record(&self, edge: &OperatorEdge, by: &str, actor: &Actor) -> Result<()> {
        // One that there is not is no change of anything.
        edge.deliveries.get(&self.tenant, &self.delivery).await?;
        edge.operator
            .record_delivery(&self.tenant, &self.delivery, by, actor)
            .await
    }
}

/// List a tenant's deliveries
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/deliveries", tag = "callbacks", operation_id = "list_tenant_deliveries",
    params(("id" = String, Path, description = "the tenant's id"), DeliveryParameters),
    responses((status = 200, description = "a page of deliveries, newest first", body = DeliveryPageView)),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(edge): State<OperatorEdge>,
    Path(id): Path<String>,
    query: Query,
) -> Answer<DeliveryPageView> {
    let tenant = tenant_id(&id)?;
    let query = parsed(&query)?;
    edge.operator.check_has_endpoints(&tenant).await?;
    let _turn = edge.reads.turn(&tenant).await?;
    let page = edge.deliveries.list(&tenant, &query).await?;
    Ok(Json(page_view(&page).masked()))
}

/// Read a delivery
///
/// Without its body.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/deliveries/{delivery}", tag = "callbacks", operation_id = "get_tenant_delivery",
    params(("id" = String, Path, description = "the tenant's id"), ("delivery" = String, Path)),
    responses((status = 200, description = "the delivery", body = DeliveryView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(edge): State<OperatorEdge>,
    Path(path): Path<(String, String)>,
) -> Answer<DeliveryView> {
    let named = Named::parse(&path)?;
    let delivery = edge.deliveries.get(&named.tenant, &named.delivery).await?;
    Ok(Json(view(&delivery).masked()))
}

/// Replay a delivery
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/deliveries/{delivery}/replay", tag = "callbacks", operation_id = "replay_tenant_delivery",
    params(("id" = String, Path, description = "the tenant's id"), ("delivery" = String, Path)),
    responses((status = 202, description = "the delivery, which is due now", body = DeliveryView),
        (status = 409, description = "an attempt is under way, or the endpoint is disabled or gone")),
    security(("admin_token" = [])))]
pub(crate) async fn replay(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
) -> std::result::Result<(StatusCode, Json<DeliveryView>), Problem> {
    let named = Named::parse(&path)?;
    named.record(&edge, "replay", &actor).await?;
    let replayed = edge
        .deliveries
        .replay(&named.tenant, &named.delivery)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(view(&replayed).masked())))
}

/// Cancel a delivery
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/deliveries/{delivery}/cancel", tag = "callbacks", operation_id = "cancel_tenant_delivery",
    params(("id" = String, Path, description = "the tenant's id"), ("delivery" = String, Path)),
    responses((status = 200, description = "the cancelled delivery", body = DeliveryView),
        (status = 409, description = "an attempt is under way, or it is over")),
    security(("admin_token" = [])))]
pub(crate) async fn cancel(
    State(edge): State<OperatorEdge>,
    Caller(actor): Caller,
    Path(path): Path<(String, String)>,
) -> Answer<DeliveryView> {
    let named = Named::parse(&path)?;
    named.record(&edge, "cancel", &actor).await?;
    let cancelled = edge
        .deliveries
        .cancel(&named.tenant, &named.delivery)
        .await?;
    Ok(Json(view(&cancelled).masked()))
}
