//! The reconcile report.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Tenancy;
use fluxgate_core::day::Day;
use fluxgate_core::metering::reconcile::last_days;
use fluxgate_core::{Error, Result};
use serde_json::Value;

use crate::error_reply::Problem;
use crate::query::Query;

pub(crate) async fn reconcile(
    State(tenancy): State<Arc<Tenancy>>,
    query: Query,
) -> std::result::Result<Json<Value>, Problem> {
    let days = last_days(day(&query, "from")?, day(&query, "to")?, tenancy.clock.now());
    Ok(Json(tenancy.reconcile(days.window()?).await?.to_json()))
}

fn day(query: &Query, name: &'static str) -> Result<Option<Day>> {
    let Some(text) = query.text(name)? else { return Ok(None) };
    let bad = || Error::invalid("invalid_day", "a day looks like 2026-11-01").field(name);
    Day::parse(text).map(Some).ok_or_else(bad)
}
