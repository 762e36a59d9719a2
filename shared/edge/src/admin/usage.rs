//! What tenants used, and their statements, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use fluxgate_core::app::Operator;
use fluxgate_core::metering::statement::StatementView;
use fluxgate_core::metering::usage::Usage;
use serde::Serialize;

use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::reads::{Reads, Subject};
use crate::v1::statements::{self, StatementParams, parse_month};
use crate::v1::usage::{self, UsageParams, UsageSums, UsageView};

/// The usage of every tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AllUsageView {
    /// By id; each in its own time zone.
    tenants: Vec<TenantUsageView>,
    total: UsageSums,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct TenantUsageView {
    tenant: String,
    /// True if the tenant has been deleted.
    #[serde(rename = "deleted", skip_serializing_if = "std::ops::Not::not")]
    is_deleted: bool,
    #[serde(flatten)]
    usage: UsageView,
}

/// Read a tenant's usage
///
/// As the tenant sees it at `/v1/usage`.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/usage", tag = "money", operation_id = "get_usage",
    params(("id" = String, Path, description = "the tenant's id; a deleted one works too"), UsageParams),
    responses(
        (status = 200, description = "the usage, in the format that was asked for", content((UsageView = "application/json"), (String = "text/csv"))),
        (status = 422, description = "the account's days are those of another time zone")),
    security(("admin_token" = [])))]
pub(crate) async fn of_tenant(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let params = UsageParams::of(&query)?;
    let (grouping, asked) = (params.grouping()?, params.asked()?);
    let wants_csv = params.wants_csv(&headers)?;
    let id = tenant_id(&id)?;
    let _turn = reads.turn(&id).await?;
    let usage = operator.usage_of_days(&id, &asked).await?;
    Ok(usage::answer(&usage, grouping, wants_csv))
}

/// Read all tenants' usage
///
/// Each tenant's days are those of its own time zone. Deleted tenants are among them if they used
/// anything in these days. It costs as much as there are tenants, days,
/// models and keys, however many tasks.
#[utoipa::path(
    get, path = "/admin/v1/usage", tag = "money", operation_id = "get_all_usage", params(UsageParams),
    responses(
        (status = 200, description = "the usage of each tenant, and the total", body = AllUsageView),
        (status = 422, description = "the days of one of the accounts are those of another time zone")),
    security(("admin_token" = [])))]
pub(crate) async fn of_all(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    query: Query,
) -> Result<Json<AllUsageView>, Problem> {
    let params = UsageParams::of(&query)?;
    let (grouping, asked) = (params.grouping()?, params.asked()?);
    params.only_json()?;
    let _turn = reads.turn_of(Subject::Tenants).await?;
    let (mut tenants, mut total) = (Vec::new(), Usage::default());
    for of in operator.usage_of_all(&asked).await? {
        total.add(&of.usage.report.total());
        tenants.push(TenantUsageView {
            tenant: of.tenant.to_string(),
            is_deleted: of.is_deleted,
            usage: UsageView::of(&of.usage, grouping),
        });
    }
    Ok(Json(AllUsageView {
        tenants,
        total: usage::sums(&total),
    }))
}

/// Read a tenant's statement
///
/// As the tenant sees it at `/v1/statements/{month}`.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/statements/{month}", tag = "money", operation_id = "get_statement",
    params(("id" = String, Path, description = "the tenant's id; a deleted one works too"),
        ("month" = String, Path, pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", description = "a month such as 2026-11"), StatementParams),
    responses(
        (status = 200, description = "the statement, in the form that was asked for", content((StatementView = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 422, description = "the account's months are those of another time zone, or the month is in the future"),
        (status = 503, description = "an update still adds up earlier days")),
    security(("admin_token" = [])))]
pub(crate) async fn statement(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    Path((id, month)): Path<(String, String)>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (month, params) = (parse_month(&month)?, StatementParams::of(&query)?);
    let (form, zone) = (params.form(&headers)?, params.zone()?);
    let id = tenant_id(&id)?;
    let _turn = reads.turn(&id).await?;
    let statement = operator.statement(&id, month, zone.as_ref()).await?;
    Ok(statements::answer(&statement, form))
}
