//! A known text in the database, sealed with the keys that its secrets are sealed with. It says
//! whether a file of keys belongs to the database before any secret is needed.
//!
//! It has a connection of its own for each call: it is asked at a start and in a rotation alone.

use std::path::{Path, PathBuf};

use fluxgate_core::Result;
use fluxgate_core::seal::Sealed;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::connection::{open_for_reading, open_for_writing};
use super::error::{database, parsed, unwritable};

const READ: &str = "read the check of the encryption keys";
const WRITE: &str = "write the check of the encryption keys";

/// The check of one data folder, whose database is there.
pub struct EncryptionCheck {
    database: PathBuf,
}

impl EncryptionCheck {
    pub fn of(folder: &Path) -> Self {
        Self {
            database: folder.join("fluxgate.db"),
        }
    }

    /// `None` before there were keys.
    pub fn read(&self) -> Result<Option<Sealed>> {
        let connection = open_for_reading(&self.database)?;
        let stored: Option<String> = connection
            .query_row("SELECT sealed FROM encryption_check", [], |row| row.get(0))
            .optional()
            .map_err(database(READ))?;
        stored
            .map(|text| parsed(&text, "check of the encryption keys"))
            .transpose()
    }

    /// Leaves a check that is there as it is.
    pub fn write_first(&self, check: &Sealed) -> Result<()> {
        self.execute(
            "INSERT OR IGNORE INTO encryption_check VALUES (1, ?1)",
            check,
        )
    }

    /// Replaces the check.
    pub fn write(&self, check: &Sealed) -> Result<()> {
        self.execute("REPLACE INTO encryption_check VALUES (1, ?1)", check)
    }

    /// Whether a tenant or an endpoint holds a secret that only keys open. Reads all of them: for a
    /// folder without a check.
    pub fn is_missed(&self) -> Result<bool> {
        let connection = open_for_reading(&self.database)?;
        let sql = "SELECT EXISTS (SELECT 1 FROM tenants WHERE instr(body, ?1))
                   OR EXISTS (SELECT 1 FROM endpoints WHERE instr(body, ?1))
                   OR EXISTS (SELECT 1 FROM issuer WHERE instr(body, ?1))";
        let mark = format!("\"{}", Sealed::MARK);
        connection
            .query_row(sql, params![mark], |row| row.get(0))
            .map_err(database(READ))
    }

    /// Empties the write-ahead log, whose old frames may hold secrets as they were stored before.
    /// Does nothing while a reader is in the way; the next checkpoint does it then.
    pub fn forget_log(&self) -> Result<()> {
        let connection = open_for_writing(&self.database)?;
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(database("empty the write-ahead log"))
    }

    fn execute(&self, sql: &str, check: &Sealed) -> Result<()> {
        let text = serde_json::to_string(check).map_err(unwritable)?;
        let connection: Connection = open_for_writing(&self.database)?;
        connection
            .execute(sql, params![text])
            .map(drop)
            .map_err(database(WRITE))
    }
}
