//! A tenant's prices, as its operator sets them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use fluxgate_core::flow::{PricesChange, Tenancy};
use fluxgate_core::money::PriceBook;
use serde::Serialize;

use super::operator::Operator;
use super::query::Query;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;

/// The prices that are in force now.
#[derive(Debug, Serialize)]
pub(crate) struct PricesView {
    prices: PriceBook,
    /// Models that are sold under cost, because `allow_under_cost` was given.
    under_cost: Vec<String>,
    /// False: only the terms were judged, because what models cost is not known here.
    costs_known: bool,
}

pub(crate) async fn get(
    State(tenancy): State<Arc<Tenancy>>,
    Path(id): Path<String>,
) -> Result<Json<PriceBook>, Problem> {
    Ok(Json(tenancy.tenants.current(&tenant_id(&id)?).await?.prices))
}

pub(crate) async fn set(
    State(tenancy): State<Arc<Tenancy>>,
    Operator(actor): Operator,
    Path(id): Path<String>,
    query: Query,
    body: RawBody,
) -> Result<Json<PricesView>, Problem> {
    let change = PricesChange { prices: body.json()?, allow_under_cost: query.flag("allow_under_cost")? };
    let changed = tenancy.set_prices(&tenant_id(&id)?, change, &actor).await?;
    Ok(Json(PricesView { prices: changed.prices, under_cost: changed.under_cost, costs_known: changed.costs_known }))
}
