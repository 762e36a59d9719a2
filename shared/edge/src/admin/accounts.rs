//! A tenant's money, for the operator.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use fluxgate_core::app::Operator;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, MicroUsd};
use serde::{Deserialize, Serialize};

use super::caller::Caller;
use super::tenants::tenant_id;
use crate::body::RawBody;
use crate::error_reply::Problem;
use crate::path::Path;
use crate::reads::Reads;
use crate::v1::budget::BudgetView;

#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TopUpRequest {
    /// A decimal such as `25` or `0.08`, as a string so that it stays exact.
    #[schema(pattern = "^[0-9]{1,6}(\\.[0-9]{1,6})?$", example = "25")]
    amount_usd: String,
    /// The operator's own reference: repeating it adds nothing.
    #[schema(min_length = 1, max_length = 128)]
    reference: String,
}

/// Amounts in micro-USD, plus the available amount in readable form.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct AccountView {
    available_micro_usd: MicroUsd,
    held_micro_usd: MicroUsd,
    captured_micro_usd: MicroUsd,
    /// The part of the held and captured amounts that was not prepaid.
    credit_micro_usd: MicroUsd,
    /// Counted tasks in flight; tasks with a price of zero are not counted for a tenant without a
    /// limit.
    tasks_in_flight: u32,
    available: String,
    /// What was charged this month, in the account's time zone; in reads alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    spent_this_month_micro_usd: Option<MicroUsd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<BudgetView>,
}

/// No findings: the books agree.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = BooksCheck)]
pub(crate) struct CheckView {
    findings: Vec<FindingView>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FindingView {
    code: &'static str,
    text: String,
}

/// Read a tenant's account
///
/// Of a deleted tenant too.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/account", tag = "money", operation_id = "get_account",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "the account", body = AccountView)),
    security(("admin_token" = [])))]
pub(crate) async fn account(
    State(operator): State<Arc<Operator>>,
    Path(id): Path<String>,
) -> Result<Json<AccountView>, Problem> {
    let id = tenant_id(&id)?;
    operator.check_known(&id).await?;
    Ok(Json(read(&operator, &id).await?))
}

/// The account of a tenant, with what it spent this month.
pub(super) async fn read(operator: &Operator, id: &TenantId) -> fluxgate_core::Result<AccountView> {
    with_month(operator, id, &operator.account(id).await?).await
}

pub(super) async fn with_month(
    operator: &Operator,
    id: &TenantId,
    account: &Account,
) -> fluxgate_core::Result<AccountView> {
    Ok(AccountView {
        spent_this_month_micro_usd: Some(operator.spent_this_month(id).await?),
        ..view(operator, account)
    })
}

/// Check a tenant's books
///
/// Whether account, daily sums, ledger and tasks agree. For deleted tenants too.
#[utoipa::path(
    get, path = "/admin/v1/tenants/{id}/account/check", tag = "money", operation_id = "check_books",
    params(("id" = String, Path, description = "the tenant's id")),
    responses((status = 200, description = "what does not agree", body = CheckView),
        (status = 409, description = "the books moved while they were read; try again")),
    security(("admin_token" = [])))]
pub(crate) async fn check(
    State(operator): State<Arc<Operator>>,
    State(reads): State<Arc<Reads>>,
    Path(id): Path<String>,
) -> Result<Json<CheckView>, Problem> {
    let id = tenant_id(&id)?;
    let _turn = reads.turn(&id).await?;
    let findings = operator.check_books(&id).await?;
    let views = findings.into_iter().map(|finding| FindingView {
        code: finding.code,
        text: finding.text,
    });
    Ok(Json(CheckView {
        findings: views.collect(),
    }))
}

/// Top up an account
///
/// Repeating a reference adds nothing.
#[utoipa::path(
    post, path = "/admin/v1/tenants/{id}/top-ups", tag = "money", operation_id = "top_up",
    params(("id" = String, Path, description = "the tenant's id")),
    request_body = TopUpRequest,
    responses((status = 200, description = "the account as it is now", body = AccountView),
        (status = 409, description = "the reference was used for another amount")),
    security(("admin_token" = [])))]
pub(crate) async fn top_up(
    State(operator): State<Arc<Operator>>,
    Caller(actor): Caller,
    Path(id): Path<String>,
    body: RawBody,
) -> Result<Json<AccountView>, Problem> {
    let request: TopUpRequest = body.json().await?;
    let amount =
        MicroUsd::parse_usd(&request.amount_usd).map_err(|error| error.field("amount_usd"))?;
    let account = operator
        .top_up(&tenant_id(&id)?, amount, &request.reference, &actor)
        .await?;
    Ok(Json(view(&operator, &account)))
}

pub(super) fn view(operator: &Operator, account: &Account) -> AccountView {
    AccountView {
        budget: operator.month(account).as_ref().and_then(BudgetView::of),
        credit_micro_usd: account.credit,
        tasks_in_flight: account.in_flight,
        available_micro_usd: account.available,
        held_micro_usd: account.held,
        captured_micro_usd: account.captured,
        available: account.available.to_string(),
        spent_this_month_micro_usd: None,
    }
}
