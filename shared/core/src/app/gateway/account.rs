//! The tenant's spendable balance and its callback signing secret.

use super::Gateway;
use crate::app::vault::Belongs;
use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::secret::Secret;
use crate::domain::money::MicroUsd;

impl Gateway {
    /// The amount the tenant can spend now: the smaller of its balance and what remains of this
    /// month's budget.
    pub async fn balance(&self, tenant: &TenantId) -> Result<MicroUsd> {
        Ok(self
            .context
            .accounts()
            .account(tenant)
            .await?
            .spendable(self.context.now()))
    }

    /// The secret that verifies callbacks requested with a submit.
    pub async fn webhook_secret(&self, tenant: &TenantId) -> Result<Secret> {
        let record = self.context.tenants().get_eventual(tenant).await?;
        let sealed = &record.webhook_secret;
        self.vault.open(tenant, Belongs::Tenant, sealed).await
    }
}
