//! What operators do to accounts: top-ups and their voids, credits and debits.

use serde_json::json;

use super::Operator;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::money::{
    Account, Adjustment, Corrected, Direction, EntryKind, MicroUsd, check_amount, check_reason,
    check_reference,
};
use crate::domain::tenant::{Actor, AuditAction};
use crate::port::errors::no_such_top_up;

impl Operator {
    /// Adds money to the account of an existing tenant. Idempotent by reference; a known reference
    /// with another amount is kind `Conflict` with code `reference_used`, that of a top-up which
    /// was voided `top_up_voided`.
    pub async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        actor: &Actor,
    ) -> Result<Account> {
        self.context.tenants().get(tenant).await?;
        check_reference(reference)?;
        let detail = json!({ "amount_usd": amount.decimal(), "reference": reference });
        let entry = self.entry(actor, AuditAction::AccountToppedUp, tenant, detail);
        let account = self
            .context
            .accounts()
            .top_up(tenant, amount, reference, &entry)
            .await?;
        self.note_top_up(tenant, amount).await;
        Ok(account)
    }

    /// Corrects an account: adds money, or takes what is available. Idempotent by reference, as a
    /// top-up. A deleted tenant can be debited, so that what it has left can be paid out; it cannot
    /// be credited.
    pub async fn adjust(
        &self,
        tenant: &TenantId,
        adjustment: Adjustment,
        actor: &Actor,
    ) -> Result<Corrected> {
        let action = match adjustment.direction {
            Direction::Credit => {
                self.context.tenants().get(tenant).await?;
                AuditAction::AccountCredited
            }
            Direction::Debit => {
                self.check_known(tenant).await?;
                AuditAction::AccountDebited
            }
        };
        check_amount(adjustment.amount)?;
        check_reference(&adjustment.reference)?;
        check_reason(&adjustment.reason)?;
        let detail = json!({
            "amount_usd": adjustment.amount.decimal(), "reference": adjustment.reference,
            "reason": adjustment.reason,
        });
        let entry = self.entry(actor, action, tenant, detail);
        let corrected = self
            .context
            .accounts()
            .adjust(tenant, &adjustment, &entry)
            .await?;
        self.alerter.see_money(tenant).await;
        Ok(corrected)
    }

    /// Takes a whole top-up back, once, if that much is available. Its reference stays used. Kind
    /// `NotFound` for a reference that no top-up has.
    pub async fn void_top_up(
        &self,
        tenant: &TenantId,
        reference: &str,
        reason: &str,
        actor: &Actor,
    ) -> Result<Corrected> {
        self.check_known(tenant).await?;
        check_reason(reason)?;
        let accounts = self.context.accounts();
        let top_up = accounts
            .operator_entry(tenant, EntryKind::TopUp, reference)
            .await?
            .ok_or_else(|| no_such_top_up(reference))?;
        let detail = json!({
            "amount_usd": top_up.amount.decimal(), "reference": reference, "reason": reason,
        });
        let entry = self.entry(actor, AuditAction::TopUpVoided, tenant, detail);
        let corrected = accounts
            .void_top_up(tenant, (reference, top_up.amount), reason, &entry)
            .await?;
        self.alerter.see_money(tenant).await;
        Ok(corrected)
    }
}
