//! What the tenant may spend, and the secret that signs its callbacks.

use super::Gateway;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::secret::Secret;
use crate::domain::money::MicroUsd;

impl Gateway {
    /// What may still be spent now: the smaller of the balance and what is left of the month's
    /// budget.
    pub async fn balance(&self, tenant: &TenantId) -> Result<MicroUsd> {
        Ok(self
            .context
            .accounts()
            .account(tenant)
            .await?
            .spendable(self.context.now()))
    }

    /// Verifies the callbacks that are asked for with a submit.
    pub async fn webhook_secret(&self, tenant: &TenantId) -> Result<Secret> {
        Ok(self
            .context
            .tenants()
            .get_eventual(tenant)
            .await?
            .webhook_secret)
    }
}
