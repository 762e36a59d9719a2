//! Adding money to an account.

use serde_json::json;

use super::Operator;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::money::{Account, MicroUsd};
use crate::domain::tenant::{Actor, AuditAction};

/// An operator's reference for a top-up.
const REFERENCE_BYTES_MAX: usize = 128;

impl Operator {
    /// Adds money to an account of a tenant that exists. The same reference again adds nothing;
    /// with another amount it is kind `Conflict` with code `reference_used`.
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
                "a reference has 1 to {REFERENCE_BYTES_MAX} characters; use the number of your invoice"
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
