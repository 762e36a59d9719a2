//! What the operator corrects in a tenant's money: credits, debits, voids of top-ups, refunds.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::Result;
use fluxgate_core::app::{Operator, RefundRequest, Refunded};
use fluxgate_core::id::TaskId;
use fluxgate_core::money::{Adjustment, Corrected, Direction, MicroUsd};
use fluxgate_core::port::errors::no_such_task;
use serde::{Deserialize, Serialize};

use super::accounts::{AccountView, view};
use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;

type Answer<T> = std::result::Result<Json<T>, Problem>;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AdjustmentRequest {
    /// A decimal such as `25` or `0.08`, as a string so that it stays exact.
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$", example = "25")]
    amount_usd: String,
    /// The operator's own reference: repeating it changes nothing.
    #[schema(min_length = 1, max_length = 128)]
    reference: String,
    /// For the audit log and the tenant's ledger.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VoidRequest {
    /// For the audit log and the tenant's ledger.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundOfTaskRequest {
    /// A part of what the task was charged; the whole charge if it is left out.
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$", example = "0.04")]
    amount_usd: Option<String>,
    /// The operator's own reference: repeating it changes nothing.
    #[schema(min_length = 1, max_length = 128)]
    reference: String,
    /// For the audit log and the tenant's ledger.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// The account after a correction.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct CorrectedView {
    /// False if the same had been done before, and nothing was changed now.
    applied: bool,
    account: AccountView,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct RefundedView {
    task: String,
    refunded_micro_usd: MicroUsd,
    /// The same amount in US dollars, as an exact decimal.
    refunded_usd: String,
    refunded_at: String,
    #[serde(flatten)]
    corrected: CorrectedView,
}

/// Credit an account
///
/// Adds money that was not paid in, such as a goodwill credit. Repeating a reference adds nothing.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/credits", tag = "money", operation_id = "credit",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = AdjustmentRequest,
    responses((status = 200, description = "the account as it is now", body = CorrectedView),
        (status = 409, description = "the reference was used for another amount")),
    security(("admin_token" = [])))]
pub(crate) async fn credit(
    State(operator): State<Arc<Operator>>,
    caller: Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<CorrectedView> {
    adjust(&operator, caller, &id, body, Direction::Credit).await
}

/// Debit an account
///
/// Takes money that is available; what runs hold stays. Repeating a reference takes nothing.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/debits", tag = "money", operation_id = "debit",
    params(("id" = String, Path, description = "the tenant's id, also of a deleted one")),
    request_body = AdjustmentRequest,
    responses((status = 200, description = "the account as it is now", body = CorrectedView),
        (status = 409, description = "less is available, or the reference was used for another amount")),
    security(("admin_token" = [])))]
pub(crate) async fn debit(
    State(operator): State<Arc<Operator>>,
    caller: Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Answer<CorrectedView> {
    adjust(&operator, caller, &id, body, Direction::Debit).await
}

async fn adjust(
    operator: &Operator,
    Caller(actor): Caller,
    id: &str,
    body: RawBody,
    direction: Direction,
) -> Answer<CorrectedView> {
    let request: AdjustmentRequest = body.json().await?;
    let adjustment = Adjustment {
        direction,
        amount: amount(&request.amount_usd)?,
        reference: request.reference,
        reason: request.reason,
    };
    let corrected = operator.adjust(&tenant_id(id)?, adjustment, &actor).await?;
    Ok(Json(corrected_view(operator, &corrected)))
}

/// Void a top-up
///
/// Takes a whole top-up back, if that much is available. Its reference cannot be used again.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/top-ups/{reference}/void", tag = "money",
    operation_id = "void_top_up",
    params(("id" = String, Path, description = "the tenant's id, also of a deleted one"),
        ("reference" = String, Path, description = "the top-up's reference, percent-encoded")),
    request_body = VoidRequest,
    responses((status = 200, description = "the account as it is now", body = CorrectedView),
        (status = 404, description = "no top-up has the reference"),
        (status = 409, description = "less is available")),
    security(("admin_token" = [])))]
pub(crate) async fn void(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path((id, reference)): Path<(String, String)>,
    body: RawBody,
) -> Answer<CorrectedView> {
    let VoidRequest { reason } = body.json().await?;
    let corrected = operator
        .void_top_up(&tenant_id(&id)?, &reference, &reason, &actor)
        .await?;
    Ok(Json(corrected_view(&operator, &corrected)))
}

/// Refund a task
///
/// Gives back what the task was charged, or a part of it, once. It counts on the day on which it is
/// made.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/tasks/{task}/refund", tag = "money",
    operation_id = "refund_task",
    params(("id" = String, Path, description = "the tenant's id, also of a deleted one"),
        ("task" = String, Path, description = "the task's id, also of a deleted one")),
    request_body = RefundOfTaskRequest,
    responses((status = 200, description = "the refund", body = RefundedView),
        (status = 404, description = "the tenant has no such task"),
        (status = 409, description = "the task was not charged, or was refunded before")),
    security(("admin_token" = [])))]
pub(crate) async fn refund(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path((id, task)): Path<(String, String)>,
    body: RawBody,
) -> Answer<RefundedView> {
    let request: RefundOfTaskRequest = body.json().await?;
    let request = RefundRequest {
        amount: request.amount_usd.as_deref().map(amount).transpose()?,
        reference: request.reference,
        reason: request.reason,
    };
    let tenant = tenant_id(&id)?;
    let task = TaskId::parse(&task).map_err(|_| no_such_task())?;
    let Refunded {
        refund,
        account,
        is_new,
    } = operator.refund(&tenant, &task, &request, &actor).await?;
    Ok(Json(RefundedView {
        task: task.to_string(),
        refunded_micro_usd: refund.amount,
        refunded_usd: refund.amount.decimal(),
        refunded_at: refund.at.rfc3339(),
        corrected: corrected_view(&operator, &Corrected { account, is_new }),
    }))
}

fn amount(text: &str) -> Result<MicroUsd> {
    MicroUsd::parse_usd(text).map_err(|error| error.field("amount_usd"))
}

fn corrected_view(operator: &Operator, corrected: &Corrected) -> CorrectedView {
    CorrectedView {
        applied: corrected.is_new,
        account: view(operator, &corrected.account),
    }
}
