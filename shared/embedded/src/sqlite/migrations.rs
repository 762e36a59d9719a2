//! The steps that bring a database from each version to the next. `PRAGMA user_version` counts the
//! steps that have run.

use std::path::Path;

use fluxgate_core::{Error, Result};
use rusqlite::Connection;

use super::error::database;
use super::folder_lock::FolderLock;

/// In order. One that was released is never changed: what is to be different is one more.
const MIGRATIONS: [&str; 10] = [
    include_str!("migrations/1.sql"),
    include_str!("migrations/2.sql"),
    include_str!("migrations/3.sql"),
    include_str!("migrations/4.sql"),
    include_str!("migrations/5.sql"),
    include_str!("migrations/6.sql"),
    include_str!("migrations/7.sql"),
    include_str!("migrations/8.sql"),
    include_str!("migrations/9.sql"),
    include_str!("migrations/10.sql"),
];

/// Runs the missing migrations, all or none. If two processes start on one folder at once, the
/// second finds them done.
///
/// Kind `Internal` with code `schema_version`, with nothing changed, for a file of a later version.
/// The same with code `schema_served` while a server of an older release runs on the folder,
/// because the new tables would break it.
pub(super) fn migrate(connection: &Connection, folder: &Path) -> Result<()> {
    if is_done(connection)? {
        return Ok(());
    }
    let run = |sql: &str| {
        connection
            .execute_batch(sql)
            .map_err(database("bring the schema up to date"))
    };
    run("BEGIN IMMEDIATE")?;
    let done = run_missing(connection, folder);
    run(if done.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
    done
}

/// Whether none is missing, and none was run that this program does not know.
pub(super) fn is_done(connection: &Connection) -> Result<bool> {
    Ok(version(connection)? == MIGRATIONS.len())
}

fn run_missing(connection: &Connection, folder: &Path) -> Result<()> {
    let (version, known) = (version(connection)?, MIGRATIONS.len());
    if version > known {
        let text = format!(
            "the data folder has schema version {version} and this program knows {known}; use the matching release"
        );
        return Err(Error::internal("schema_version", text));
    }
    // Whoever serves a folder with an older version is an older release. A new file is not served
    // yet.
    let _unserved = match version {
        0 => None,
        older if older == known => return Ok(()),
        _ => Some(FolderLock::acquire(folder).map_err(served)?),
    };
    let missing = MIGRATIONS[version..].concat();
    connection
        .execute_batch(&format!("{missing} PRAGMA user_version={known};"))
        .map_err(database("bring the schema up to date"))
}

fn served(error: Error) -> Error {
    let text =
        "a server of an older release runs on this data folder; stop it, and start this release";
    Error::internal("schema_served", text).source(error)
}

fn version(connection: &Connection) -> Result<usize> {
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get::<_, u32>(0));
    version
        .map(|version| version as usize)
        .map_err(database("read the schema version"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use fluxgate_core::port::SystemClock;

    use super::*;
    use crate::sqlite::SqliteStore;
    use crate::sqlite::connection::open_for_writing;

    /// A database file as the release of this version created it, with these rows.
    fn file_of(version: usize, rows: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let schema = MIGRATIONS[..version].concat();
        let connection = Connection::open(path(&folder)).unwrap();
        connection
            .execute_batch(&format!("{schema} {rows} PRAGMA user_version={version};"))
            .unwrap();
        folder
    }

    fn path(folder: &tempfile::TempDir) -> std::path::PathBuf {
        folder.path().join("fluxgate.db")
    }

    fn number(connection: &Connection, sql: &str) -> i64 {
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn tables(path: &Path) -> Vec<String> {
        let connection = open_for_writing(path).unwrap();
        let mut sql = connection
            .prepare(
                "SELECT name || ' ' || sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name",
            )
            .unwrap();
        sql.query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }

    #[test]
    fn a_file_of_every_older_version_becomes_what_a_new_one_is_and_keeps_its_rows() {
        let new = file_of(0, "");
        for version in 1..MIGRATIONS.len() {
            let folder = file_of(
                version,
                "INSERT INTO tenants VALUES ('acme', '{}'); INSERT INTO runs VALUES ('run-1', 'acme', 'task-1');
                 INSERT INTO accounts (tenant, available, held, captured) VALUES ('acme', 1, 2, 3);",
            );

            assert_eq!(tables(&path(&folder)), tables(&path(&new)), "{version}");
            let again = open_for_writing(&path(&folder)).unwrap();
            assert_eq!(
                number(&again, "SELECT count(*) FROM tenants WHERE id = 'acme'"),
                1
            );
            assert_eq!(
                number(&again, "SELECT count(*) FROM runs WHERE run = 'run-1'"),
                1
            );
            let account =
                "SELECT available * 100 + held * 10 + captured + credit + in_flight FROM accounts
                 WHERE allowance IS NULL";
            assert_eq!(number(&again, account), 123);
        }
    }

    #[test]
    fn a_folder_that_an_older_release_serves_is_left_as_it_is() {
        let folder = file_of(4, "");
        let lock = FolderLock::acquire(folder.path()).unwrap();

        let error = open_for_writing(&path(&folder)).unwrap_err();

        assert_eq!(error.code, "schema_served");
        assert_eq!(
            number(
                &Connection::open(path(&folder)).unwrap(),
                "PRAGMA user_version"
            ),
            4
        );
        drop(lock);
        let migrated = open_for_writing(&path(&folder)).unwrap();
        let version = number(&migrated, "PRAGMA user_version");
        assert_eq!(usize::try_from(version), Ok(MIGRATIONS.len()));
    }

    #[test]
    fn whoever_only_reads_a_folder_of_an_older_release_migrates_it_unless_it_is_served() {
        let folder = file_of(4, "");
        let open = || SqliteStore::open_to_read(folder.path(), Arc::new(SystemClock)).map(drop);
        let version = || {
            let connection = Connection::open(path(&folder)).unwrap();
            number(&connection, "PRAGMA user_version")
        };
        let lock = FolderLock::acquire(folder.path()).unwrap();

        let refused = open().unwrap_err();

        assert_eq!((refused.code, version()), ("schema_served", 4));
        drop(lock);
        open().unwrap();
        assert_eq!(usize::try_from(version()), Ok(MIGRATIONS.len()));
    }

    #[test]
    fn a_file_of_a_later_version_is_refused_and_left_as_it_is() {
        let folder = file_of(0, "");
        Connection::open(path(&folder))
            .unwrap()
            .execute_batch("PRAGMA user_version=99;")
            .unwrap();

        let error = open_for_writing(&path(&folder)).unwrap_err();

        assert_eq!(error.code, "schema_version");
        assert_eq!(
            number(
                &Connection::open(path(&folder)).unwrap(),
                "PRAGMA user_version"
            ),
            99
        );
    }
}
