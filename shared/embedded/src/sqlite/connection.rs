//! Opening the file: pragmas, schema, version.

use std::path::Path;
use std::time::Duration;

use fluxgate_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::cut_short::lacks_pages;
use super::error::{CORRUPT, DAMAGED, database};
use super::migrations::migrate;

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const CHECKPOINT_TIMEOUT: Duration = Duration::from_secs(2);
/// Pages that the writer keeps: those of the newest rows and of the indexes above them.
const WRITER_CACHE_KIB: u32 = 4096;
/// Pages that one reading connection keeps. The next commit of the writer makes them worthless, so
/// they only have to last for one read.
const READER_CACHE_KIB: u32 = 512;

pub(super) fn open_for_writing(path: &Path) -> Result<Connection> {
    check_not_emptied(path)?;
    let connection = Connection::open(path).map_err(database("open the database"))?;
    restrict_to_owner(path)?;
    connection
        .busy_timeout(BUSY_TIMEOUT)
        .map_err(database("open the database"))?;
    connection
        .execute_batch(&format!(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
             PRAGMA cache_size=-{WRITER_CACHE_KIB};
             PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY;",
        ))
        .map_err(database("open the database"))?;
    connection.set_prepared_statement_cache_capacity(64);
    keep_plans(&connection)?;
    if lacks_pages(&connection, path)? {
        found_sound(&connection, Check::Quick)?;
    }
    migrate(&connection, path.parent().unwrap_or(Path::new(".")))?;
    Ok(connection)
}

/// SQLite takes an empty file, one of a single byte, or none for a new database, and removes the
/// log beside it.
fn check_not_emptied(path: &Path) -> Result<()> {
    let bytes = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if bytes(path) <= 1 && bytes(Path::new(&log)) > 0 {
        return Err(damaged("it is empty, and its log is not"));
    }
    Ok(())
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
    connection
        .execute_batch(&format!("PRAGMA cache_size=-{READER_CACHE_KIB};"))
        .map_err(database("open the database"))?;
    connection.set_prepared_statement_cache_capacity(32);
    keep_plans(&connection)?;
    Ok(connection)
}

/// False for a file that is not there, and for one in which nothing was made yet.
pub(super) fn has_tenants(path: &Path) -> Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let connection = open_for_reading(path)?;
    let exists = |sql| {
        connection
            .query_row(sql, [], |row| row.get::<_, bool>(0))
            .map_err(database("look for tenants"))
    };
    Ok(
        exists("SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'tenants')")?
            && exists("SELECT EXISTS (SELECT 1 FROM tenants)")?,
    )
}

/// How much a check looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Check {
    /// Every page.
    Quick,
    /// Every page, and whether indexes and tables say the same.
    Full,
}

pub(super) fn check(path: &Path, check: Check) -> Result<()> {
    found_sound(&open_for_reading(path)?, check)
}

fn found_sound(connection: &Connection, check: Check) -> Result<()> {
    let sql = match check {
        Check::Quick => "PRAGMA quick_check(1)",
        Check::Full => "PRAGMA integrity_check(1)",
    };
    let found: String = connection
        .query_row(sql, [], |row| row.get(0))
        .map_err(database("check the database"))?;
    match found.as_str() {
        "ok" => Ok(()),
        damage => Err(damaged(&damage.replace('\n', " "))),
    }
}

fn damaged(how: &str) -> Error {
    Error::internal(CORRUPT, format!("{DAMAGED}: {how}"))
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
