//! When a tenant is told that its money runs out, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Operator;
use fluxgate_core::money::{AlertTerms, Alerts, MicroUsd};
use fluxgate_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AlertsRequest)]
pub(crate) struct AlertsRequest {
    /// The balance is low below this; `0` never tells. Left out or null, it is a fifth of the last
    /// top-up.
    #[serde(default)]
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$", example = "5")]
    low_balance_usd: Option<String>,
    /// Rising percents of the month's budget; none never tells. Left out or null, they are 50, 80
    /// and 100.
    #[serde(default)]
    #[schema(max_items = 10, example = json!([50, 80, 100]))]
    budget_percents: Option<Vec<u8>>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Alerts)]
pub(crate) struct AlertsView {
    /// Left out while it is a fifth of the last top-up.
    #[serde(skip_serializing_if = "Option::is_none")]
    low_balance_usd: Option<String>,
    budget_percents: Vec<u8>,
    /// The amount that is in force; left out if a low balance is not told.
    #[serde(skip_serializing_if = "Option::is_none")]
    low_below_usd: Option<String>,
    /// Since when the balance has been low.
    #[serde(skip_serializing_if = "Option::is_none")]
    low_since: Option<String>,
}

/// Read when a tenant is told of its money
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/alerts", tag = "money", operation_id = "get_alerts",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the terms in force", body = AlertsView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Json<AlertsView>, Problem> {
    Ok(Json(view(&operator.alerts(&tenant_id(&id)?).await?)))
}

/// Set when a tenant is told of its money
///
/// Replaces both terms; what is left out is the default.
#[utoipa::path(
    put, path = "/admin/v1/tenants/{id}/alerts", tag = "money", operation_id = "set_alerts",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = AlertsRequest,
    responses((status = 200, description = "the terms in force", body = AlertsView)),
    security(("admin_token" = [])))]
pub(crate) async fn set(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Result<Json<AlertsView>, Problem> {
    let request: AlertsRequest = body.json().await?;
    let low_balance = request.low_balance_usd.as_deref();
    let low_balance = low_balance
        .map(MicroUsd::parse_usd)
        .transpose()
        .map_err(|error| error.field("low_balance_usd"))?;
    let terms = AlertTerms {
        low_balance,
        budget_percents: request.budget_percents,
    };
    let alerts = operator.set_alerts(&tenant_id(&id)?, terms, &actor).await?;
    Ok(Json(view(&alerts)))
}

fn view(alerts: &Alerts) -> AlertsView {
    AlertsView {
        low_balance_usd: alerts.terms.low_balance.map(MicroUsd::decimal),
        budget_percents: alerts.terms.percents().to_vec(),
        low_below_usd: alerts.low_below().map(MicroUsd::decimal),
        low_since: alerts.low_since.map(Timestamp::rfc3339),
    }
}
