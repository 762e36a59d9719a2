//! The reconcile report.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Operator;
use fluxgate_core::day::Day;
use fluxgate_core::{Error, Result};
use serde_json::Value;

use crate::error_reply::Problem;
use crate::query::Query;
use crate::reads::{Reads, Subject};

/// Compare charges with the provider's bills
#[utoipa::path(
    get, path = "/admin/v1/reconcile", tag = "operations", operation_id = "reconcile",
    params(("from" = Option<String>, Query, description = "the first day, such as 2026-11-01", format = Date), ("to" = Option<String>, Query, description = "the last day", format = Date)),
    responses((status = 200, description = "the report", body = Object)),
    security(("admin_token" = [])))]
pub(crate) async fn reconcile(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    query: Query,
) -> std::result::Result<Json<Value>, Problem> {
    let (from, to) = (day(&query, "from")?, day(&query, "to")?);
    let _turn = reads.turn_of(Subject::Bills).await?;
    let report = operator.reconcile(from, to).await?;
    Ok(Json(report.to_json()))
}

fn day(query: &Query, name: &'static str) -> Result<Option<Day>> {
    let Some(text) = query.text(name)? else {
        return Ok(None);
    };
    let bad = || Error::invalid("invalid_day", "a day must have the form 2026-11-01").field(name);
    Day::parse(text).map(Some).ok_or_else(bad)
}
