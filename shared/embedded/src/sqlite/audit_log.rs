//! The audit log: one row per change, written in the same transaction.

use fluxgate_core::Result;
use fluxgate_core::id::AuditId;
use fluxgate_core::tenant::AuditEntry;
use rusqlite::{Connection, params};

use super::error::{database, parsed, unwritable};
use super::reports::rows;

pub(super) fn add(connection: &Connection, entry: &AuditEntry) -> Result<()> {
    let body = serde_json::to_string(entry).map_err(unwritable)?;
    connection
        .execute(
            "INSERT INTO audit_log (id, body) VALUES (?1, ?2)",
            params![entry.id.as_str(), body],
        )
        .map(drop)
        .map_err(database("write the audit log"))
}

pub(super) fn read(
    connection: &Connection,
    before: Option<&AuditId>,
    limit: usize,
) -> Result<Vec<AuditEntry>> {
    // Sorts after every id.
    let before = before.map_or("~", AuditId::as_str);
    let rows = rows(
        connection,
        "SELECT id, body FROM audit_log WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
        params![before, i64::try_from(limit).unwrap_or(i64::MAX)],
        |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)),
    )?;
    rows.iter()
        .map(|(id, body)| parsed(body, format_args!("entry '{id}' of the audit log")))
        .collect()
}
