//! The monthly budget: the limit, what is spent, and when the next month starts.

use axum::Json;
use axum::extract::State;
use fluxgate_core::Error;
use fluxgate_core::money::{Allowance, Payment, RollOver};
use fluxgate_core::tenant::Scope;
use serde::Serialize;
use utoipa::ToSchema;

use crate::bearer::Bearer;
use crate::error_reply::Problem;
use crate::state::Edge;

/// The current month's budget. `limit + carried = left + held + spent`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BudgetView {
    /// `2026-11`, in the budget's time zone.
    month: String,
    /// In millionths of a dollar.
    limit_micro_usd: i64,
    /// Carried over from the previous month.
    carried_micro_usd: i64,
    /// Captured for tasks submitted this month.
    spent_micro_usd: i64,
    /// Reserved for those of them that are still running.
    held_micro_usd: i64,
    /// What runs may still cost, regardless of the balance.
    left_micro_usd: i64,
    /// The same amount as an exact decimal: `12.50`.
    left_usd: String,
    /// When the next month starts: RFC 3339.
    resets_at: String,
    /// An IANA time zone.
    time_zone: String,
    /// `none`, or `unused`: the unused amount is carried over to the next month.
    roll_over: &'static str,
    /// Maximum amount carried over.
    #[serde(skip_serializing_if = "Option::is_none")]
    roll_over_cap_micro_usd: Option<i64>,
    /// `prepaid`: a run must also fit the balance. `postpaid`: usage is billed afterwards.
    payment: &'static str,
}

impl BudgetView {
    /// `None` once the budget was removed.
    pub(crate) fn of(allowance: &Allowance) -> Option<Self> {
        let budget = allowance.budget.as_ref()?;
        let (roll_over, cap) = match budget.roll_over {
            RollOver::None => ("none", None),
            RollOver::Unused { cap_micro_usd } => ("unused", cap_micro_usd),
        };
        Some(Self {
            month: allowance.month.to_string(),
            limit_micro_usd: budget.limit_micro_usd.0,
            carried_micro_usd: allowance.carried.0,
            spent_micro_usd: allowance.spent.0,
            held_micro_usd: allowance.held.0,
            left_micro_usd: allowance.left().0,
            left_usd: allowance.left().decimal(),
            resets_at: allowance.resets_at().rfc3339(),
            time_zone: budget.time_zone.to_string(),
            roll_over,
            roll_over_cap_micro_usd: cap.map(|cap| cap.0),
            payment: match budget.payment {
                Payment::Prepaid => "prepaid",
                Payment::Postpaid => "postpaid",
            },
        })
    }
}

pub(crate) fn no_budget() -> Error {
    Error::not_found("there is no monthly budget; spending is limited only by the balance")
}

/// Read the month's budget
#[utoipa::path(
    get, path = "/v1/budget", tag = "account", operation_id = "budget",
    responses(
        (status = 200, description = "the month's budget", body = BudgetView),
        (status = 404, description = "no budget is set")),
    security(("tenant_jwt" = [])))]
pub(crate) async fn budget(
    State(edge): State<Edge>,
    Bearer(principal): Bearer,
) -> Result<Json<BudgetView>, Problem> {
    principal.require(Scope::Billing)?;
    let allowance = edge.metering.budget(&principal.tenant).await?;
    let view = allowance
        .as_ref()
        .and_then(BudgetView::of)
        .ok_or_else(no_budget)?;
    Ok(Json(view))
}
