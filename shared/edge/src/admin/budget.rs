//! A tenant's monthly budget, set by the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::Operator;
use fluxgate_core::money::{Allowance, Budget, MicroUsd, Payment, RollOver, Zone};
use fluxgate_core::{Error, Result};
use serde::Deserialize;

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::v1::budget::{BudgetView, no_budget};

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetRequest {
    /// Per month; a decimal such as `500`, as a string so that it stays exact.
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$", example = "500")]
    limit_usd: String,
    /// An IANA time zone; months start at midnight there.
    #[serde(default = "utc")]
    #[schema(example = "Europe/Vienna")]
    time_zone: String,
    /// `none` or `unused`.
    #[serde(default)]
    roll_over: RollOverRequest,
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$")]
    roll_over_cap_usd: Option<String>,
    #[serde(default = "prepaid")]
    payment: Payment,
}

#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
enum RollOverRequest {
    #[default]
    None,
    Unused,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn prepaid() -> Payment {
    Payment::Prepaid
}

impl BudgetRequest {
    fn parse(&self) -> Result<Budget> {
        let amount =
            |text: &str, field| MicroUsd::parse_usd(text).map_err(|error| error.field(field));
        let cap = self
            .roll_over_cap_usd
            .as_deref()
            .map(|cap| amount(cap, "roll_over_cap_usd"))
            .transpose()?;
        let roll_over = match (&self.roll_over, cap) {
            (RollOverRequest::Unused, cap_micro_usd) => RollOver::Unused { cap_micro_usd },
            (RollOverRequest::None, None) => RollOver::None,
            (RollOverRequest::None, Some(_)) => {
                let text = "a cap has no effect without roll_over=unused; set both";
                return Err(Error::invalid("invalid_budget", text).field("roll_over_cap_usd"));
            }
        };
        Ok(Budget {
            limit_micro_usd: amount(&self.limit_usd, "limit_usd")?,
            time_zone: Zone::parse(&self.time_zone).map_err(|error| error.field("time_zone"))?,
            roll_over,
            payment: self.payment,
        })
    }
}

/// Read a tenant's budget
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/budget", tag = "money", operation_id = "get_budget",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the month's budget", body = BudgetView)),
    security(("admin_token" = [])))]
pub(crate) async fn get(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Json<BudgetView>, Problem> {
    Ok(Json(view(
        operator.budget(&tenant_id(&id)?).await?.as_ref(),
    )?))
}

/// Set a tenant's monthly budget
#[utoipa::path(
    put, path = "/admin/v1/tenants/{id}/budget", tag = "money", operation_id = "set_budget",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = BudgetRequest,
    responses((status = 200, description = "the month's budget", body = BudgetView),
        (status = 409, description = "a limit below what the month has cost, or a change at the same time")),
    security(("admin_token" = [])))]
pub(crate) async fn set(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Result<Json<BudgetView>, Problem> {
    let request: BudgetRequest = body.json().await?;
    let month = operator
        .set_budget(&tenant_id(&id)?, Some(request.parse()?), &actor)
        .await?;
    Ok(Json(view(month.as_ref())?))
}

/// Remove a tenant's budget
#[utoipa::path(
    delete, path = "/admin/v1/tenants/{id}/budget", tag = "money", operation_id = "remove_budget",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 204, description = "there is none now"),
        (status = 409, description = "a change at the same time; try again")),
    security(("admin_token" = [])))]
pub(crate) async fn remove(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    operator.set_budget(&tenant_id(&id)?, None, &actor).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn view(allowance: Option<&Allowance>) -> Result<BudgetView> {
    allowance.and_then(BudgetView::of).ok_or_else(no_budget)
}
