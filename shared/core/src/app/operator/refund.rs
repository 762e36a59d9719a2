//! Refunds of tasks.

use serde_json::json;

use super::Operator;
use crate::base::error::{Error, Kind, Reason, Result};
use crate::base::id::{TaskId, TenantId};
use crate::domain::money::{Account, MicroUsd, check_amount, check_reason, check_reference};
use crate::domain::task::{Refund, Signal, State, Task, transition};
use crate::domain::tenant::{Actor, AuditAction};

/// How often a refund is begun when the task changes meanwhile.
const ROUNDS_MAX: usize = 8;

/// A refund that an operator asks for.
#[derive(Debug)]
pub struct RefundRequest {
    /// The whole charge if it is left out.
    pub amount: Option<MicroUsd>,
    pub reference: String,
    pub reason: String,
}

/// What a task was refunded, and the account after it.
#[derive(Debug)]
pub struct Refunded {
    pub refund: Refund,
    pub account: Account,
    /// False if the same refund had been made before.
    pub is_new: bool,
}

impl Operator {
    /// Gives back what a task was charged, or a part of it, once; also of a task that was deleted,
    /// or whose tenant was. The same reference and amount again changes nothing and succeeds.
    ///
    /// Kind `Conflict`: `task_not_charged` for a task that was not, `task_refunded`, naming the
    /// first refund. Kind `Invalid` with code `invalid_amount` for more than the charge.
    pub async fn refund(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        request: &RefundRequest,
        actor: &Actor,
    ) -> Result<Refunded> {
        check_reference(&request.reference)?;
        check_reason(&request.reason)?;
        for _ in 1..ROUNDS_MAX {
            match self.refund_once(tenant, id, request, actor).await {
                // It was deleted, copied again or refunded in the meantime.
                Err(error) if error.is(Reason::VersionMoved) => {}
                done => return done,
            }
        }
        self.refund_once(tenant, id, request, actor).await
    }

    async fn refund_once(
        &self,
        tenant: &TenantId,
        id: &TaskId,
        request: &RefundRequest,
        actor: &Actor,
    ) -> Result<Refunded> {
        let task = self.context.tasks().get(tenant, id).await?;
        let amount = refundable(&task, request)?;
        if let Some(refund) = task.refund {
            return Ok(Refunded {
                refund,
                account: self.account(tenant).await?,
                is_new: false,
            });
        }
        let detail = json!({
            "task": id, "amount_usd": amount.decimal(), "reference": request.reference,
            "reason": request.reason,
        });
        let entry = self.entry(actor, AuditAction::TaskRefunded, tenant, detail);
        let refund = Refund::new(amount, &request.reference, entry.at);
        let change =
            transition(&task, Signal::Refund(refund.clone()), entry.at).map_err(|error| {
                Error::internal("transition", "the task does not take its refund").source(error)
            })?;
        let account = self
            .context
            .accounts()
            .refund(&change, &request.reason, &entry)
            .await?;
        self.alerter.see_money(tenant).await;
        Ok(Refunded {
            refund,
            account,
            is_new: true,
        })
    }
}

/// The amount to refund now, or that was refunded by the same request before.
fn refundable(task: &Task, request: &RefundRequest) -> Result<MicroUsd> {
    let conflict = |code, text| Err(Error::new(Kind::Conflict, code, text));
    if !task.state.is_end() {
        let text = "the task is still running and was not charged yet; wait for its end, or cancel it before it is sent";
        return conflict("task_not_charged", text.to_owned());
    }
    if task.state != State::Completed || task.charged == MicroUsd::ZERO {
        let state = task.state.as_str();
        let text = format!("the task is {state} and cost nothing, so nothing can be refunded");
        return conflict("task_not_charged", text);
    }
    let amount = request.amount.unwrap_or(task.charged);
    check_amount(amount)?;
    if let Some(refund) = &task.refund
        && (refund.amount, refund.reference.as_str()) != (amount, request.reference.as_str())
    {
        let (amount, reference) = (refund.amount, &refund.reference);
        let at = refund.at.rfc3339();
        let text = format!(
            "the task was refunded {amount} at {at} with the reference '{reference}', and a task is refunded once; credit the account for more"
        );
        return conflict("task_refunded", text);
    }
    if amount > task.charged {
        let charged = task.charged;
        let text = format!("the task was charged {charged}; refund that or less, once");
        return Err(Error::invalid("invalid_amount", text).field("amount_usd"));
    }
    Ok(amount)
}
