//! What tenants are told of their money: a row for each tenant that was told something, or was
//! given terms of its own.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{Account, Alerts};
use fluxgate_core::port::errors::version_moved;
use fluxgate_core::port::{AccountStore as _, AlertStore};
use fluxgate_core::tenant::AuditEntry;
use rusqlite::{Connection, params};

use super::error::{database, parsed, unwritable};
use super::{SqliteStore, audit_log};

#[async_trait]
impl AlertStore for SqliteStore {
    async fn alerts_eventual(&self, tenant: &TenantId) -> Result<(Account, Alerts)> {
        Ok((self.account(tenant).await?, self.alerts_of(tenant).await?))
    }

    async fn alerts_of(&self, tenant: &TenantId) -> Result<Alerts> {
        let body = self.reading().await.row(
            "SELECT body FROM alerts WHERE tenant = ?1",
            params![tenant.as_str()],
            |row| row.get::<_, String>(0),
        )?;
        let what = format_args!("alerts of tenant '{tenant}'");
        body.map_or_else(|| Ok(Alerts::default()), |body| parsed(&body, what))
    }

    async fn replace_alerts(
        &self,
        tenant: &TenantId,
        alerts: &Alerts,
        entry: Option<&AuditEntry>,
    ) -> Result<()> {
        let (tenant, alerts, entry) = (tenant.clone(), alerts.clone(), entry.cloned());
        self.write(move |write| {
            replace(write.connection, &tenant, &alerts)?;
            let entry = entry.as_ref();
            entry.map_or(Ok(()), |entry| audit_log::add(write.connection, entry))
        })
        .await
    }
}

fn replace(connection: &Connection, tenant: &TenantId, alerts: &Alerts) -> Result<()> {
    let body = serde_json::to_string(alerts).map_err(unwritable)?;
    let version = i64::try_from(alerts.version).unwrap_or(i64::MAX);
    let sql = match version {
        1 => "INSERT OR IGNORE INTO alerts (tenant, version, body) VALUES (?1, ?2, ?3)",
        _ => "UPDATE alerts SET version = ?2, body = ?3 WHERE tenant = ?1 AND version = ?2 - 1",
    };
    let written = connection
        .execute(sql, params![tenant.as_str(), version, body])
        .map_err(database("write what a tenant was told"))?;
    if written == 0 {
        return Err(version_moved("the tenant's alerts were changed meanwhile"));
    }
    Ok(())
}
