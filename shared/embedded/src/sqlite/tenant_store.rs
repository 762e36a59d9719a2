//! Tenants and the issuers they trust.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{AuditId, TenantId};
use fluxgate_core::port::TenantStore;
use fluxgate_core::port::errors::{no_such_tenant, tenant_changed, tenant_exists};
use fluxgate_core::tenant::{AuditEntry, Tenant, Trust};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::erasing::erasing;
use super::error::{database, parsed, unwritable};
use super::{SqliteStore, audit_log};

const WRITE: &str = "write a tenant";

#[async_trait]
impl TenantStore for SqliteStore {
    async fn create(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
        let (tenant, entry) = (tenant.clone(), entry.clone());
        self.write(move |write| create(write.connection, &tenant, &entry))
            .await
    }

    async fn update(&self, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
        let (tenant, entry) = (tenant.clone(), entry.clone());
        self.write(move |write| {
            erasing(write.connection, |connection| {
                update(connection, &tenant, &entry)
            })
        })
        .await
    }

    async fn reseal(&self, tenant: &Tenant) -> Result<()> {
        let tenant = tenant.clone();
        self.write(move |write| {
            erasing(write.connection, |connection| replace(connection, &tenant))
        })
        .await
    }

    async fn delete(&self, id: &TenantId, version: u64, entry: &AuditEntry) -> Result<()> {
        let (id, entry) = (id.clone(), entry.clone());
        self.write(move |write| delete(write.connection, &id, version, &entry))
            .await
    }

    async fn get_eventual(&self, id: &TenantId) -> Result<Tenant> {
        let body = self
            .reading()
            .await
            .row(
                "SELECT body FROM tenants WHERE id = ?1",
                params![id.as_str()],
                |row| row.get::<_, String>(0),
            )?
            .ok_or_else(|| no_such_tenant(id))?;
        parse_tenant(id.as_str(), &body)
    }

    async fn get(&self, id: &TenantId) -> Result<Tenant> {
        TenantStore::get_eventual(self, id).await
    }

    async fn list(&self) -> Result<Vec<Tenant>> {
        let rows =
            self.reading()
                .await
                .rows("SELECT id, body FROM tenants ORDER BY id", [], |row| {
                    Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
                })?;
        rows.iter()
            .map(|(id, body)| parse_tenant(id, body))
            .collect()
    }

    async fn ids(&self) -> Result<Vec<TenantId>> {
        let ids = self
            .reading()
            .await
            .rows("SELECT id FROM tenants ORDER BY id", [], |row| {
                row.get::<_, String>(0)
            })?;
        ids.iter().map(|id| TenantId::parse(id)).collect()
    }

    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        let rows = self
            .reading()
            .await
            .rows(TRUSTING, params![issuer], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })?;
        Ok(rows.iter().filter_map(readable_trust).collect())
    }

    async fn record(&self, entry: &AuditEntry) -> Result<()> {
        let entry = entry.clone();
        self.write(move |write| audit_log::add(write.connection, &entry))
            .await
    }

    async fn audit_log(&self, before: Option<&AuditId>, limit: usize) -> Result<Vec<AuditEntry>> {
        audit_log::read(self.reading().await, before, limit)
    }
}

fn create(connection: &Connection, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
    let body = serde_json::to_string(tenant).map_err(unwritable)?;
    let created = connection
        .execute(
            "INSERT OR IGNORE INTO tenants (id, body) VALUES (?1, ?2)",
            params![tenant.id.as_str(), body],
        )
        .map_err(database(WRITE))?;
    if created == 0 {
        return Err(tenant_exists(&tenant.id));
    }
    index(connection, tenant)?;
    audit_log::add(connection, entry)
}

fn replace(connection: &Connection, tenant: &Tenant) -> Result<()> {
    check_version(connection, &tenant.id, tenant.version.saturating_sub(1))?;
    let body = serde_json::to_string(tenant).map_err(unwritable)?;
    connection
        .execute(
            "UPDATE tenants SET body = ?2 WHERE id = ?1",
            params![tenant.id.as_str(), body],
        )
        .map(drop)
        .map_err(database(WRITE))
}

fn update(connection: &Connection, tenant: &Tenant, entry: &AuditEntry) -> Result<()> {
    replace(connection, tenant)?;
    forget_trusts(connection, &tenant.id)?;
    index(connection, tenant)?;
    audit_log::add(connection, entry)
}

fn delete(connection: &Connection, id: &TenantId, version: u64, entry: &AuditEntry) -> Result<()> {
    check_version(connection, id, version)?;
    connection
        .execute("DELETE FROM tenants WHERE id = ?1", params![id.as_str()])
        .map_err(database(WRITE))?;
    forget_trusts(connection, id)?;
    audit_log::add(connection, entry)
}

fn check_version(connection: &Connection, id: &TenantId, version: u64) -> Result<()> {
    let body: Option<String> = connection
        .query_row(
            "SELECT body FROM tenants WHERE id = ?1",
            params![id.as_str()],
            |row| row.get(0),
        )
        .optional()
        .map_err(database("read a tenant"))?;
    let stored = parse_tenant(id.as_str(), &body.ok_or_else(|| no_such_tenant(id))?)?;
    if stored.version == version {
        return Ok(());
    }
    Err(tenant_changed(id))
}

const TRUSTING: &str = "SELECT tenant, body FROM trusts WHERE issuer = ?1 ORDER BY tenant, n";

fn trusting((tenant, body): &(String, String)) -> Result<(TenantId, Trust)> {
    Ok((
        TenantId::parse(tenant)?,
        parsed(body, format_args!("trust of tenant '{tenant}'"))?,
    ))
}

/// A trust that cannot be read grants nothing; other tenants that trust the issuer are unaffected.
fn readable_trust(row: &(String, String)) -> Option<(TenantId, Trust)> {
    trusting(row)
        .inspect_err(|error| {
            tracing::error!(
                tenant.id = row.0,
                error = error.with_causes(),
                "a stored trust cannot be read and is ignored; set it again"
            );
        })
        .ok()
}

fn parse_tenant(id: &str, body: &str) -> Result<Tenant> {
    parsed(body, format_args!("tenant '{id}'"))
}

/// The tokens of its issuers must not be able to speak for another tenant.
fn check_issuers(connection: &Connection, tenant: &Tenant) -> Result<()> {
    for issuer in Trust::issuers(&tenant.trust) {
        let rows: Vec<(String, String)> = connection
            .prepare_cached(TRUSTING)
            .and_then(|mut statement| {
                statement
                    .query_map(params![issuer], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })
            .map_err(database("read trusts"))?;
        let others: Vec<(TenantId, Trust)> = rows.iter().map(trusting).collect::<Result<_>>()?;
        Trust::check_ambiguity(&tenant.id, &tenant.trust, issuer, &others)?;
    }
    Ok(())
}

/// Indexes the tenant by its issuers.
fn index(connection: &Connection, tenant: &Tenant) -> Result<()> {
    check_issuers(connection, tenant)?;
    for (n, trust) in tenant.trust.iter().enumerate() {
        let body = serde_json::to_string(trust).map_err(unwritable)?;
        connection
            .execute(
                "INSERT INTO trusts (issuer, tenant, n, body) VALUES (?1, ?2, ?3, ?4)",
                params![
                    trust.issuer,
                    tenant.id.as_str(),
                    i64::try_from(n).unwrap_or(i64::MAX),
                    body
                ],
            )
            .map_err(database(WRITE))?;
    }
    Ok(())
}

fn forget_trusts(connection: &Connection, id: &TenantId) -> Result<()> {
    connection
        .execute("DELETE FROM trusts WHERE tenant = ?1", params![id.as_str()])
        .map_err(database(WRITE))?;
    Ok(())
}
