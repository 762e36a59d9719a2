//! Batches: many tasks in one request.

mod create;
mod results;
mod view;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use fluxgate_core::app::Batches;
use fluxgate_core::id::{BatchId, TenantId};
use fluxgate_core::tenant::Scope;
use fluxgate_core::{Error, Result};
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

pub(crate) use self::create::*;
pub(crate) use self::results::*;
pub(crate) use self::view::BatchView;
use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::query::Query;
use crate::state::Edge;

const LIMIT: usize = 20;
const LIMIT_MAX: usize = 100;

#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListBatches {
    /// The `next` of the page before.
    #[param(pattern = "^[0-9a-f]{32}$")]
    #[expect(dead_code, reason = "only described here")]
    cursor: Option<String>,
    /// 20 unless it is given.
    #[param(minimum = 1, maximum = 100)]
    #[expect(dead_code, reason = "only described here")]
    limit: Option<usize>,
}

/// Newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchPageView {
    batches: Vec<BatchView>,
    /// Where the next page begins; absent at the end of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// List batches
#[utoipa::path(
    get, path = "/v1/batches", tag = "batches", operation_id = "list_batches", params(ListBatches),
    responses(
        (status = 200, description = "a page of batches, newest first", body = BatchPageView),
        (status = 400, description = "a parameter that cannot be")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn list(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    query: Query,
) -> std::result::Result<Json<BatchPageView>, Problem> {
    principal.require(Scope::Read)?;
    query.only(&["cursor", "limit"])?;
    let _turn = edge.reads.turn(&principal.tenant).await?;
    let page = page_of(&edge.batches, &principal.tenant, &query).await?;
    Ok(Json(page))
}

/// The page that a query asks for.
pub(crate) async fn page_of(
    batches: &Batches,
    tenant: &TenantId,
    query: &Query,
) -> Result<BatchPageView> {
    let before = query.parsed("cursor", cursor)?;
    let limit = query.parsed("limit", limit)?.unwrap_or(LIMIT);
    let batches = batches.list(tenant, before.as_ref(), limit).await?;
    let next = batches.last().filter(|_| batches.len() == limit);
    Ok(BatchPageView {
        next: next.map(|last| last.id.to_string()),
        batches: batches.iter().map(BatchView::of).collect(),
    })
}

/// Read a batch
///
/// How many of its lines were admitted or refused, and how many tasks have ended.
#[utoipa::path(
    get, path = "/v1/batches/{id}", tag = "batches", operation_id = "get_batch",
    params(("id" = String, Path, description = "the batch's id")),
    responses(
        (status = 200, description = "the batch as it is now", body = BatchView),
        (status = 404, description = "no such batch")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn get(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<Json<BatchView>, Problem> {
    principal.require(Scope::Read)?;
    let id = batch_id(&id)?;
    let batch = edge.batches.get(&principal.tenant, &id).await?;
    Ok(Json(BatchView::of(&batch)))
}

/// Cancel a batch
///
/// No more lines are admitted, and tasks that wait for their run are cancelled. Runs that have
/// begun go on, and are paid for.
#[utoipa::path(
    post, path = "/v1/batches/{id}/cancel", tag = "batches", operation_id = "cancel_batch",
    params(("id" = String, Path, description = "the batch's id")),
    responses(
        (status = 202, description = "the batch; it is cancelled, unless it had ended before", body = BatchView),
        (status = 404, description = "no such batch"),
        (status = 409, description = "the batch changed too often meanwhile; try again")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn cancel(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
    Path(id): Path<String>,
) -> std::result::Result<(StatusCode, Json<BatchView>), Problem> {
    principal.require(Scope::Submit)?;
    let id = batch_id(&id)?;
    let batch = edge.batches.cancel(&principal.tenant, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(BatchView::of(&batch))))
}

pub(crate) fn batch_id(text: &str) -> Result<BatchId> {
    BatchId::parse(text)
        .map_err(|_| Error::not_found("there is no batch with this id; ids are 32 hex characters"))
}

fn cursor(text: &str) -> Result<BatchId> {
    BatchId::parse(text).map_err(|_| bad("'cursor' is the 'next' of the page before"))
}

fn limit(text: &str) -> Result<usize> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=LIMIT_MAX).contains(limit))
        .ok_or_else(|| bad(format!("'limit' is a number from 1 to {LIMIT_MAX}")))
}

fn bad(text: impl Into<String>) -> Error {
    Error::invalid("invalid_parameter", text)
}
