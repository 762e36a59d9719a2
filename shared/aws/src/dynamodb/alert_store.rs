//! What tenants are told of their money: an item beside the account, which no run writes.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, Alerts};
use fluxgate_core::port::AlertStore;
use fluxgate_core::port::errors::version_moved;
use fluxgate_core::tenant::AuditEntry;

use super::attribute::{Item, number};
use super::key::Key;
use super::transact::WriteOutcome;
use super::write::Write;
use super::{DynamoStore, account, json_item, tenant_store};

#[async_trait]
impl AlertStore for DynamoStore {
    async fn alerts_eventual(&self, tenant: &TenantId) -> Result<(Account, Alerts)> {
        let (account, alerts) = (Key::account(tenant), Key::alerts(tenant));
        let (account, alerts) = tokio::try_join!(
            self.table.get_eventual(&account, None),
            self.table.get_eventual(&alerts, None)
        )?;
        let account = account::of_item(&account.unwrap_or_default())?;
        Ok((account, read(alerts)?))
    }

    async fn alerts_of(&self, tenant: &TenantId) -> Result<Alerts> {
        read(self.table.get(&Key::alerts(tenant)).await?)
    }

    async fn replace_alerts(
        &self,
        tenant: &TenantId,
        alerts: &Alerts,
        entry: Option<&AuditEntry>,
    ) -> Result<()> {
        let write = Write::put(Key::alerts(tenant), json_item::to_item(alerts)?);
        let write = match alerts.version {
            1 => write.when("attribute_not_exists(#pk)"),
            version => write
                .when("#version = :version")
                .with(":version", number(version.saturating_sub(1))),
        };
        let mut writes = vec![write];
        if let Some(entry) = entry {
            writes.push(tenant_store::logged(entry)?);
        }
        match self.table.write(&writes).await? {
            WriteOutcome::Written => Ok(()),
            WriteOutcome::Refused(_) => {
                Err(version_moved("the tenant's alerts were changed meanwhile"))
            }
        }
    }
}

fn read(item: Option<Item>) -> Result<Alerts> {
    item.map_or_else(|| Ok(Alerts::default()), |item| json_item::from_item(&item))
}
