//! A tenant's ledger, for the operator.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use fluxgate_core::app::{Capability, Operator};

use super::tenants::tenant_id;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::reads::Reads;
use crate::v1::ledger::{Asked, Cursors, LedgerParams, LedgerView, reply};

/// Read a tenant's ledger
///
/// Every movement on its account with the balance after it. For deleted tenants too.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/ledger", tag = "money", operation_id = "get_ledger",
    params(("id" = String, Path, description = "the tenant's id"), LedgerParams),
    responses(
        (status = 200, description = "a page of the ledger, in the format that was asked for; with CSV, the header `Fluxgate-Next-Cursor` is where the next page goes on", content((LedgerView = "application/json"), (String = "text/csv"))),
        (status = 422, description = "days of another time zone than the account's"),
        (status = 409, description = "the balance moved while it was read during an update; try again")),
    security(("admin_token" = [])))]
pub(crate) async fn list(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    State(capability): State<Capability>,
    Path(id): Path<String>,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = tenant_id(&id)?;
    let cursors = Cursors::read(&capability, &id, &query).await?;
    let asked = Asked::of(&query, &headers, &cursors)?;
    let _turn = reads.turn(&id).await?;
    let page = operator.ledger(&id, asked.request).await?;
    Ok(reply(&page, asked.wants_csv, &cursors))
}
