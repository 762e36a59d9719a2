//! API keys, and the installation as their issuer.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::money::{MicroUsd, Month};
use fluxgate_core::port::ApiKeyStore;
use fluxgate_core::port::errors::{issuer_changed, no_such_key};
use fluxgate_core::tenant::{ApiKey, Issuer, KeysChange};
use fluxgate_core::time::Timestamp;
use rusqlite::{Connection, Row, params};

use super::erasing::erasing;
use super::error::{database, parsed, unwritable};
use super::{SqliteStore, audit_log, key_use, tenant_store};

const WRITE: &str = "write an API key";
const COLUMNS: &str = "SELECT id, body, last_used_at FROM api_keys WHERE tenant = ?1";

#[async_trait]
impl ApiKeyStore for SqliteStore {
    async fn change_keys(&self, change: &KeysChange) -> Result<()> {
        let change = change.clone();
        self.write(move |write| change_keys(write.connection, &change))
            .await
    }

    async fn list_keys(&self, tenant: &TenantId) -> Result<Vec<ApiKey>> {
        let sql = format!("{COLUMNS} ORDER BY id");
        let reading = self.reading().await;
        let rows = reading.rows(&sql, params![tenant.as_str()], columns)?;
        rows.into_iter().map(key).collect()
    }

    async fn get_key(&self, tenant: &TenantId, id: &KeyId) -> Result<ApiKey> {
        let sql = format!("{COLUMNS} AND id = ?2");
        let reading = self.reading().await;
        let row = reading.row(&sql, params![tenant.as_str(), id.as_str()], columns)?;
        key(row.ok_or_else(|| no_such_key(id))?)
    }

    async fn note_key_use(&self, tenant: &TenantId, id: &KeyId, hour: Timestamp) -> Result<()> {
        let (tenant, id) = (tenant.clone(), id.clone());
        self.write_soon(move |write| note_use(write.connection, &tenant, &id, hour))
            .await
    }

    async fn key_use(&self, tenant: &TenantId, counter: &KeyId, month: Month) -> Result<MicroUsd> {
        let reading = self.reading().await;
        let used = reading.row(
            key_use::USED,
            params![tenant.as_str(), counter.as_str(), month.to_string()],
            |row| row.get(0).map(MicroUsd),
        )?;
        Ok(used.unwrap_or(MicroUsd::ZERO))
    }

    async fn issuer(&self) -> Result<Option<Issuer>> {
        let reading = self.reading().await;
        let sql = "SELECT body FROM issuer";
        let body = reading.row(sql, [], |row| row.get::<_, String>(0))?;
        body.map(|body| parsed(&body, "the installation as an issuer"))
            .transpose()
    }

    async fn put_issuer(&self, issuer: &Issuer) -> Result<()> {
        let issuer = issuer.clone();
        self.write(move |write| {
            erasing(write.connection, |connection| {
                put_issuer(connection, &issuer)
            })
        })
        .await
    }
}

fn change_keys(connection: &Connection, change: &KeysChange) -> Result<()> {
    let tenant = &change.tenant.id;
    tenant_store::replace(connection, &change.tenant)?;
    for id in &change.removed {
        connection
            .execute(
                "DELETE FROM api_keys WHERE tenant = ?1 AND id = ?2",
                params![tenant.as_str(), id.as_str()],
            )
            .map_err(database(WRITE))?;
    }
    for key in &change.put {
        put_key(connection, key)?;
    }
    audit_log::add(connection, &change.entry)
}

fn put_key(connection: &Connection, key: &ApiKey) -> Result<()> {
    let body = serde_json::to_string(key).map_err(unwritable)?;
    let last_used_at = key.last_used_at.map(|at| at.0);
    connection
        .execute(
            "INSERT INTO api_keys (tenant, id, last_used_at, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET body = excluded.body",
            params![key.tenant.as_str(), key.id.as_str(), last_used_at, body],
        )
        .map(drop)
        .map_err(database(WRITE))
}

fn note_use(connection: &Connection, tenant: &TenantId, id: &KeyId, hour: Timestamp) -> Result<()> {
    connection
        .execute(
            "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, 0), ?3)
             WHERE tenant = ?1 AND id = ?2",
            params![tenant.as_str(), id.as_str(), hour.0],
        )
        .map(drop)
        .map_err(database(WRITE))
}

fn put_issuer(connection: &Connection, issuer: &Issuer) -> Result<()> {
    let body = serde_json::to_string(issuer).map_err(unwritable)?;
    let version = i64::try_from(issuer.version).unwrap_or(i64::MAX);
    let sql = if issuer.version == 1 {
        "INSERT OR IGNORE INTO issuer (one, version, body) VALUES (1, ?1, ?2)"
    } else {
        "UPDATE issuer SET version = ?1, body = ?2 WHERE version = ?1 - 1"
    };
    let written = connection
        .execute(sql, params![version, body])
        .map_err(database("write the installation as an issuer"))?;
    if written == 0 {
        return Err(issuer_changed());
    }
    Ok(())
}

/// Those of a tenant that is deleted.
pub(super) fn remove_all(connection: &Connection, tenant: &TenantId) -> Result<()> {
    for sql in [
        "DELETE FROM api_keys WHERE tenant = ?1",
        "DELETE FROM key_use WHERE tenant = ?1",
    ] {
        connection
            .execute(sql, params![tenant.as_str()])
            .map_err(database(WRITE))?;
    }
    Ok(())
}

type Columns = (String, String, Option<i64>);

fn columns(row: &Row<'_>) -> rusqlite::Result<Columns> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn key((id, body, last_used_at): Columns) -> Result<ApiKey> {
    let key: ApiKey = parsed(&body, format_args!("API key '{id}'"))?;
    Ok(ApiKey {
        last_used_at: last_used_at.map(Timestamp),
        ..key
    })
}
