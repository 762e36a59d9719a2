//! Opening the file: pragmas, schema, version.

use std::path::Path;
use std::time::Duration;

use fluxgate_core::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::database;

/// The version this code reads and writes. A change of the schema below raises it.
const SCHEMA_VERSION: i64 = 4;

const SCHEMA: &str = include_str!("schema.sql");

/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn open_for_writing(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path).map_err(database("open the database"))?;
    restrict_to_owner(path)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database("open the database"))?;
    connection
        .execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-8192;
             PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY;",
        )
        .map_err(database("open the database"))?;
    connection.set_prepared_statement_cache_capacity(64);
    keep_plans(&connection)?;
    migrate(&connection)?;
    Ok(connection)
}

pub(super) fn open_for_reading(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(database("open the database"))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(database("open the database"))?;
    connection.set_prepared_statement_cache_capacity(32);
    keep_plans(&connection)?;
    Ok(connection)
}

/// Without this SQLite plans some statements anew whenever their parameters change: measured, a fifth of the writer's time.
fn keep_plans(connection: &Connection) -> Result<()> {
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
        .map_err(database("open the database"))
}

fn migrate(connection: &Connection) -> Result<()> {
    match version(connection)? {
        SCHEMA_VERSION => Ok(()),
        0..SCHEMA_VERSION => bring_up_to_date(connection),
        other => Err(Error::internal(
            "schema_version",
            format!(
                "the data folder has schema version {other} and this program knows {SCHEMA_VERSION}; use the matching release"
            ),
        )),
    }
}

fn version(connection: &Connection) -> Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(database("read the schema version"))
}

/// Two processes may start on one folder at once: what one of them did, the other finds done.
fn bring_up_to_date(connection: &Connection) -> Result<()> {
    let run = |sql: &str| connection.execute_batch(sql).map_err(database("bring the schema up to date"));
    run("BEGIN IMMEDIATE")?;
    let done = columns_of_accounts(connection)
        .and_then(|columns| if matches!(columns, 1..=4) { run(ACCOUNTS_SINCE_4) } else { Ok(()) })
        .and_then(|()| run(&format!("{SCHEMA} PRAGMA user_version={SCHEMA_VERSION};")));
    run(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    done
}

/// What a table that there is already needs more; tables that are new come with the schema.
const ACCOUNTS_SINCE_4: &str = "
    ALTER TABLE accounts ADD COLUMN credit INTEGER NOT NULL DEFAULT 0 CHECK (credit >= 0);
    ALTER TABLE accounts ADD COLUMN in_flight INTEGER NOT NULL DEFAULT 0 CHECK (in_flight >= 0);
    ALTER TABLE accounts ADD COLUMN allowance TEXT;";

/// Zero without the table; four before version 4.
fn columns_of_accounts(connection: &Connection) -> Result<i64> {
    connection
        .query_row("SELECT count(*) FROM pragma_table_info('accounts')", [], |row| row.get(0))
        .map_err(database("read the schema"))
}

/// Endpoint and webhook secrets lie in the file.
fn restrict_to_owner(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|error| Error::internal("data_folder", "the database file cannot be made private").source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first release made it.
    const VERSION_1: &str = "CREATE TABLE tenants (id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
        INSERT INTO tenants VALUES ('acme', '{}'); PRAGMA user_version=1;";

    #[test]
    fn a_file_of_an_older_version_keeps_its_rows_and_gains_the_new_tables() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fluxgate.db");
        Connection::open(&path).unwrap().execute_batch(VERSION_1).unwrap();

        let connection = open_for_writing(&path).unwrap();

        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(count("SELECT count(*) FROM tenants WHERE id = 'acme'"), 1);
        assert_eq!(count("SELECT count(*) FROM audit"), 0);
        assert_eq!(count("SELECT count(*) FROM line"), 0);
        assert_eq!(count("SELECT count(*) FROM usage_cursors"), 0);
        assert_eq!(count("PRAGMA user_version"), SCHEMA_VERSION);
    }

    /// As the release before budgets made its accounts.
    const VERSION_3: &str = "CREATE TABLE accounts (
          tenant TEXT PRIMARY KEY,
          available INTEGER NOT NULL CHECK (available >= 0),
          held INTEGER NOT NULL CHECK (held >= 0),
          captured INTEGER NOT NULL CHECK (captured >= 0)) WITHOUT ROWID;
        INSERT INTO accounts VALUES ('acme', 1, 2, 3); PRAGMA user_version=3;";

    #[test]
    fn an_account_from_before_there_were_budgets_keeps_its_money() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fluxgate.db");
        Connection::open(&path).unwrap().execute_batch(VERSION_3).unwrap();

        drop(open_for_writing(&path).unwrap());
        let again = open_for_writing(&path).unwrap();

        let sql = "SELECT available, held, captured, credit, in_flight, allowance IS NULL FROM accounts";
        let row = |n| again.query_row(sql, [], |row| row.get::<_, i64>(n)).unwrap();
        assert_eq!([0, 1, 2, 3, 4, 5].map(row), [1, 2, 3, 0, 0, 1]);
        assert_eq!(version(&again).unwrap(), SCHEMA_VERSION);
    }

    #[test]
    fn a_file_of_a_later_version_is_refused_and_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fluxgate.db");
        Connection::open(&path).unwrap().execute_batch("PRAGMA user_version=99;").unwrap();

        let error = open_for_writing(&path).unwrap_err();

        assert_eq!(error.code, "schema_version");
        let version: i64 =
            Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
        assert_eq!(version, 99);
    }
}
