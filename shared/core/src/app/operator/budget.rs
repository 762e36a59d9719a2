//! Setting a tenant's monthly budget.

use serde_json::json;

use super::Operator;
use super::told::with_difference;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::domain::money::{Allowance, Budget};
use crate::domain::tenant::{Actor, AuditAction};

impl Operator {
    /// The budget in force and the current month's use of it; `None` for a tenant without a budget.
    pub async fn budget(&self, tenant: &TenantId) -> Result<Option<Allowance>> {
        self.context.tenants().get(tenant).await?;
        Ok(self
            .context
            .accounts()
            .account(tenant)
            .await?
            .budget_at(self.now()))
    }

    /// Sets or removes the budget for runs submitted from now on.
    ///
    /// Kind `Invalid` with code `invalid_budget`, naming the field; kind `Conflict` with code
    /// `budget_below_use` if it is less than what is held and captured this month. In either case
    /// nothing is written.
    pub async fn set_budget(
        &self,
        tenant: &TenantId,
        budget: Option<Budget>,
        actor: &Actor,
    ) -> Result<Option<Allowance>> {
        self.context.tenants().get(tenant).await?;
        let now = self.now();
        let account = self.context.accounts().account(tenant).await?;
        let before = account.budget_at(now).and_then(|month| month.budget);
        let detail = json!({ "budget": budget });
        let detail = with_difference(detail, &json!(before), &json!(budget));
        let entry = self.entry(actor, AuditAction::BudgetChanged, tenant, detail);
        Ok(self
            .context
            .accounts()
            .set_budget(tenant, budget, now, &entry)
            .await?
            .budget_at(now))
    }
}
