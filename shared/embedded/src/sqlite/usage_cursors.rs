//! How far the exports of usage have got.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::port::UsageCursors;
use fluxgate_core::port::errors::export_went_on;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::error::{database, parsed, unwritable};

#[async_trait]
impl UsageCursors for SqliteStore {
    async fn cursor(&self, place: &str, tenant: &TenantId) -> Result<UsageCursor> {
        let body = self.reading().await.row(
            "SELECT body FROM usage_cursors WHERE place = ?1 AND tenant = ?2",
            params![place, tenant.as_str()],
            |row| row.get::<_, String>(0),
        )?;
        let what = format_args!("progress of the usage export of tenant '{tenant}'");
        body.map_or_else(|| Ok(UsageCursor::default()), |body| parsed(&body, what))
    }

    async fn save_cursor(
        &self,
        place: &str,
        tenant: &TenantId,
        cursor: &UsageCursor,
    ) -> Result<()> {
        let (place, tenant, cursor) = (place.to_owned(), tenant.clone(), cursor.clone());
        self.write(move |write| save(write.connection, &place, &tenant, &cursor))
            .await
    }
}

fn save(
    connection: &Connection,
    place: &str,
    tenant: &TenantId,
    cursor: &UsageCursor,
) -> Result<()> {
    let body = serde_json::to_string(cursor).map_err(unwritable)?;
    let version = i64::try_from(cursor.version).unwrap_or(i64::MAX);
    let sql = match version {
        1 => {
            "INSERT OR IGNORE INTO usage_cursors (place, tenant, version, body) VALUES (?1, ?2, ?3, ?4)"
        }
        _ => {
            "UPDATE usage_cursors SET version = ?3, body = ?4 WHERE place = ?1 AND tenant = ?2 AND version = ?3 - 1"
        }
    };
    let saved = connection
        .execute(sql, params![place, tenant.as_str(), version, body])
        .map_err(database("save how far an export has come"))?;
    if saved == 1 {
        return Ok(());
    }
    Err(export_went_on())
}
