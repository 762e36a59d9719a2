//! Tenants and the issuers they trust.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{AuditId, TenantId};
use fluxgate_core::port::TenantStore;
use fluxgate_core::port::errors::{no_such_tenant, tenant_changed, tenant_exists};
use fluxgate_core::tenant::{AuditEntry, FittingTrusts, Tenant, Trust};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Map, Value};

use super::erasing::erasing;
use super::error::{database, parsed, unwritable};
use super::reports::rows;
use super::{SqliteStore, api_key_store, audit_log, trusts};

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

    async fn get_eventual(&self, id: &TenantId) -> Result<Arc<Tenant>> {
        let read = self.reading().await.row(
            "SELECT body FROM tenants WHERE id = ?1",
            params![id.as_str()],
            |row| self.tenants.read(id, row),
        )?;
        let Some(read) = read else {
            self.tenants.forget(id);
            return Err(no_such_tenant(id));
        };
        let parse = |body: &str| parse_tenant(id.as_str(), body);
        self.tenants.parsed(id, read, parse)
    }

    async fn get(&self, id: &TenantId) -> Result<Tenant> {
        let tenant = TenantStore::get_eventual(self, id).await?;
        Ok(Arc::unwrap_or_clone(tenant))
    }

    async fn list(&self) -> Result<Vec<Tenant>> {
        const ALL: &str = "SELECT id, body FROM tenants ORDER BY id";
        self.report(|connection| {
            let rows = rows(connection, ALL, [], |row| {
                Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
            })?;
            rows.iter()
                .map(|(id, body)| parse_tenant(id, body))
                .collect()
        })
        .await
    }

    async fn ids(&self) -> Result<Vec<TenantId>> {
        const IDS: &str = "SELECT id FROM tenants ORDER BY id";
        self.report(|connection| {
            let ids = rows(connection, IDS, [], |row| row.get::<_, String>(0))?;
            ids.iter().map(|id| TenantId::parse(id)).collect()
        })
        .await
    }

    async fn trusting(&self, issuer: &str) -> Result<Vec<(TenantId, Trust)>> {
        trusts::of_issuer(self.reading().await, issuer)
    }

    async fn fitting(&self, issuer: &str, claims: &Map<String, Value>) -> Result<FittingTrusts> {
        trusts::fitting(self.reading().await, issuer, claims)
    }

    async fn record(&self, entry: &AuditEntry) -> Result<()> {
        let entry = entry.clone();
        self.write(move |write| audit_log::add(write.connection, &entry))
            .await
    }

    async fn audit_log(&self, before: Option<&AuditId>, limit: usize) -> Result<Vec<AuditEntry>> {
        let before = before.cloned();
        self.report(move |connection| audit_log::read(connection, before.as_ref(), limit))
            .await
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
    trusts::write(connection, tenant)?;
    audit_log::add(connection, entry)
}

pub(super) fn replace(connection: &Connection, tenant: &Tenant) -> Result<()> {
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
    trusts::remove(connection, &tenant.id)?;
    trusts::write(connection, tenant)?;
    audit_log::add(connection, entry)
}

fn delete(connection: &Connection, id: &TenantId, version: u64, entry: &AuditEntry) -> Result<()> {
    check_version(connection, id, version)?;
    connection
        .execute("DELETE FROM tenants WHERE id = ?1", params![id.as_str()])
        .map_err(database(WRITE))?;
    trusts::remove(connection, id)?;
    api_key_store::remove_all(connection, id)?;
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

fn parse_tenant(id: &str, body: &str) -> Result<Tenant> {
    parsed(body, format_args!("tenant '{id}'"))
}
