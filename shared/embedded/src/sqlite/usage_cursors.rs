//! How far the exports of usage have got.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::usage::UsageCursor;
use fluxgate_core::port::errors::export_went_on;
use fluxgate_core::port::{BegunExport, UsageCursors};
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

    async fn cursors(&self, tenant: &TenantId) -> Result<Vec<BegunExport>> {
        let rows = self.reading().await.rows(
            "SELECT place, body FROM usage_cursors WHERE tenant = ?1",
            params![tenant.as_str()],
            |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
        )?;
        let what = format_args!("progress of the usage exports of tenant '{tenant}'");
        rows.into_iter()
            .map(|(place, body)| {
                let cursor = parsed(&body, what)?;
                Ok(BegunExport { place, cursor })
            })
            .collect()
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

    async fn forget_cursor(&self, place: &str, tenant: &TenantId) -> Result<()> {
        let (place, tenant) = (place.to_owned(), tenant.clone());
        let sql = "DELETE FROM usage_cursors WHERE place = ?1 AND tenant = ?2";
        self.write(move |write| {
            let forgotten = write
                .connection
                .execute(sql, params![place, tenant.as_str()]);
            forgotten
                .map(drop)
                .map_err(database("forget how far an export has come"))
        })
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
