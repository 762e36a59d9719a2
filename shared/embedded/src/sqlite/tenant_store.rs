//! Tenants and whom they trust.

use async_trait::async_trait;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::TenantStore;
use fluxgate_core::tenant::{Tenant, Trust};
use fluxgate_core::{Error, Kind, Result};
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::error::{database, unreadable, unwritable};

#[async_trait]
impl TenantStore for SqliteStore {
    async fn create(&self, tenant: &Tenant) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |write| create(write.connection, &tenant)).await
    }

    async fn get(&self, id: &TenantId) -> Result<Tenant> {
        let body = self
            .readers
            .row("SELECT body FROM tenants WHERE id = ?1", params![id.as_str()], |row| row.get::<_, String>(0))?
            .ok_or_else(|| {
                Error::not_found(format!("there is no tenant '{id}'; 'fluxgate tenants list' shows those there are"))
            })?;
        serde_json::from_str(&body).map_err(unreadable)
    }

    async fn list(&self) -> Result<Vec<Tenant>> {
        let bodies = self.readers.rows("SELECT body FROM tenants ORDER BY id", [], |row| row.get::<_, String>(0))?;
        bodies.iter().map(|body| serde_json::from_str(body).map_err(unreadable)).collect()
    }

    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        let rows = self.readers.rows(
            "SELECT tenant, body FROM trusts WHERE issuer = ?1 ORDER BY tenant, n",
            params![issuer],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )?;
        rows.iter()
            .map(|(tenant, body)| Ok((TenantId::parse(tenant)?, serde_json::from_str(body).map_err(unreadable)?)))
            .collect()
    }
}

fn create(connection: &Connection, tenant: &Tenant) -> Result<()> {
    let body = serde_json::to_string(tenant).map_err(unwritable)?;
    let created = connection
        .execute("INSERT OR IGNORE INTO tenants (id, body) VALUES (?1, ?2)", params![tenant.id.as_str(), body])
        .map_err(database("write a tenant"))?;
    if created == 0 {
        let text = format!("there is a tenant '{}' already; choose another name", tenant.id);
        return Err(Error::new(Kind::Conflict, "tenant_exists", text));
    }
    for (n, trust) in tenant.trust.iter().enumerate() {
        let body = serde_json::to_string(trust).map_err(unwritable)?;
        connection
            .execute(
                "INSERT INTO trusts (issuer, tenant, n, body) VALUES (?1, ?2, ?3, ?4)",
                params![trust.issuer, tenant.id.as_str(), i64::try_from(n).unwrap_or(i64::MAX), body],
            )
            .map_err(database("write a tenant"))?;
    }
    Ok(())
}
