//! Adds money to an account.

use serde_json::json;

use super::Operator;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::money::{Account, MicroUsd};
use crate::domain::tenant::{Actor, AuditAction};

/// Maximum length of a top-up's reference.
const REFERENCE_BYTES_MAX: usize = 128;

impl Operator {
    /// Adds money to the account of an existing tenant. Idempotent by reference; a known reference
    /// with another amount is kind `Conflict` with code `reference_used`.
    pub async fn top_up(
        &self,
        tenant: &TenantId,
        amount: MicroUsd,
        reference: &str,
        actor: &Actor,
    ) -> Result<Account> {
        self.context.tenants().get(tenant).await?;
        if reference.is_empty() || reference.len() > REFERENCE_BYTES_MAX {
            let text = format!(
                "a reference must have 1 to {REFERENCE_BYTES_MAX} characters; use your invoice number"
            );
            return Err(Error::invalid("invalid_reference", text).field("reference"));
        }
        let detail = json!({ "amount_usd": amount.decimal(), "reference": reference });
        let entry = self.entry(actor, AuditAction::AccountToppedUp, tenant, detail);
        self.context
            .accounts()
            .top_up(tenant, amount, reference, &entry)
            .await
    }
}
