//! Opening the file: pragmas, schema, version.

use std::path::Path;
use std::time::Duration;

use fluxgate_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::database;
use super::migrations::migrate;

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn open_for_writing(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(database("open the database"))?;
    restrict_to_owner(path)?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(database("open the database"))?;
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192;
             PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY;",
        )
        .map_err(database("open the database"))?;
    connection.set_prepared_statement_cache_capacity(64);
    keep_plans(&connection)?;
    migrate(&connection, path.parent().unwrap_or(Path::new(".")))?;
    Ok(connection)
}

/// Kind `Unavailable` while somebody else reads the database: then some of it stays in the log.
pub(super) fn checkpoint(path: &Path) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let is_busy = Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(CHECKPOINT_TIMEOUT)?;
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        })
        .map_err(database("checkpoint the database"))?;
    if is_busy {
        let text = "another process reads the database";
        return Err(Error::unavailable("database_busy", text));
    }
    Ok(())
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(path, flags).map_err(database("open the database"))?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(database("open the database"))?;
    connection.set_prepared_statement_cache_capacity(32);
    keep_plans(&connection)?;
    Ok(connection)
}

/// Looks at every page, and at every index.
pub(super) fn check(path: &Path) -> Result<()> {
    let connection = open_for_reading(path)?;
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(database("check the database"))?;
    if found == "ok" {
        return Ok(());
    }
    let text = format!(
        "the database file is damaged; restore it from a backup: {}",
        found.replace('\n', " ")
    );
    Err(Error::internal("database_corrupt", text))
}

/// Without this SQLite replans some statements whenever their parameters change: a fifth of the
/// writer's time, as measured.
fn keep_plans(connection: &Connection) -> Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
        .map_err(database("open the database"))
}

/// The file contains endpoint and webhook secrets.
fn restrict_to_owner(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|error| {
        Error::internal("data_folder", "the database file cannot be made private").source(error)
    })
}
