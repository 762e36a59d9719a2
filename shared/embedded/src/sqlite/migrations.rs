//! The steps that bring a database from each version to the next. `PRAGMA user_version` counts the
//! steps that have run.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

use fluxgate_core::{Error, Result};
use rusqlite::Connection;

use super::error::database;
use super::folder_lock::FolderLock;

/// In order. One that was released is never changed: what is to be different is one more.
const MIGRATIONS: [&str; 14] = [
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
    include_str!("migrations/11.sql"),
    include_str!("migrations/12.sql"),
    include_str!("migrations/13.sql"),
    include_str!("migrations/14.sql"),
];

/// The version of the schema that this program works with.
pub const SCHEMA_VERSION: usize = MIGRATIONS.len();

static MIGRATED: OnceLock<Migrated> = OnceLock::new();

/// What the schema of a data folder was brought up from, and to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    pub from: usize,
    pub to: usize,
}

impl Migrated {
    /// What this process did first; `None` if it found everything up to date.
    pub fn by_this_process() -> Option<Self> {
        MIGRATED.get().copied()
    }
}

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
    let (from, to) = (done?, MIGRATIONS.len());
    if (1..to).contains(&from) {
        MIGRATED.get_or_init(|| Migrated { from, to });
        let folder = folder.display();
        tracing::warn!(%folder, from, to, "the data folder's schema was brought up to this release's version; older releases cannot open it any more");
    }
    Ok(())
}

/// Whether none is missing, and none was run that this program does not know.
pub(super) fn is_done(connection: &Connection) -> Result<bool> {
    Ok(version(connection)? == MIGRATIONS.len())
}

/// The version of the schema, which this program knows or is able to bring up to date.
pub(super) fn known_version(connection: &Connection) -> Result<usize> {
    let (version, known) = (version(connection)?, MIGRATIONS.len());
    if version > known {
        let text = format!(
            "the data folder has schema version {version} and this program knows {known}; use the release that opened it last, or restore a backup of before by 'fluxgate restore'"
        );
        return Err(Error::internal("schema_version", text));
    }
    Ok(version)
}

/// Returns the version that it found.
fn run_missing(connection: &Connection, folder: &Path) -> Result<usize> {
    let (version, known) = (known_version(connection)?, MIGRATIONS.len());
    // Whoever serves a folder with an older version is an older release. A new file is not served
    // yet.
    let _unserved = match version {
        0 => None,
        older if older == known => return Ok(known),
        _ => Some(FolderLock::acquire(folder).map_err(served)?),
    };
    for (step, sql) in MIGRATIONS.iter().enumerate().skip(version) {
        run_step(connection, step + 1, sql, version > 0)?;
    }
    Ok(version)
}

/// Says what was done to a folder in use; a new one is made without a word.
fn run_step(connection: &Connection, to: usize, sql: &str, is_told: bool) -> Result<()> {
    let (begun, before) = (Instant::now(), connection.total_changes());
    connection
        .execute_batch(&format!("{sql} PRAGMA user_version={to};"))
        .map_err(database("bring the schema up to date"))?;
    if is_told {
        tracing::info!(
            from = to - 1,
            to,
            what = first_sentence(sql),
            rows = connection.total_changes() - before,
            duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            "ran a step of the schema; it counts once all are done"
        );
    }
    Ok(())
}

/// Of the comment that a step begins with.
fn first_sentence(sql: &str) -> String {
    let comment = sql.lines().map_while(|line| line.strip_prefix("--"));
    let text: String = comment.collect();
    let end = text.find(". ").map_or(text.len(), |end| end + 1);
    text[..end].trim().to_owned()
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

    use fluxgate_core::id::{TaskId, TenantId};
    use fluxgate_core::port::{OpenTaskStore as _, SystemClock, TaskStore as _};

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
    fn every_step_says_what_it_does() {
        for sql in MIGRATIONS {
            let what = first_sentence(sql);
            assert!(what.len() > 10 && what.ends_with('.'), "{what}: {sql}");
        }
    }

    #[tokio::test]
    async fn steps_that_had_rows_of_their_own_are_read_with_their_task() {
        let [open, ended] = ["01", "02"].map(|start| format!("{start:0<32}"));
        let folder = file_of(
            11,
            &format!(
                r#"INSERT INTO tasks (tenant, id, version, body) VALUES
                   ('acme', '{ended}', 4, '{{"state":"completed"}}'),
                   ('acme', '{open}', 3, '{{"state":"submitted"}}');
                 INSERT INTO steps VALUES ('acme', '{open}', 11, '{{"at":3,"name":"third"}}'),
                   ('acme', '{open}', 1, '{{"at":1,"name":"first"}}'),
                   ('acme', '{open}', 2, '{{"at":2,"name":"second"}}');
                 INSERT INTO deliveries (tenant, task, id, version, body) VALUES
                   ('acme', '{ended}', '{ended}-00', 2, '{{"created_at":5,"state":"held",
                     "target":{{"endpoint":"e1"}}}}');"#
            ),
        );

        let store = SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap();

        let tenant = TenantId::parse("acme").unwrap();
        let [open, ended] = [open, ended].map(|id| TaskId::parse(&id).unwrap());
        let steps = store.timeline(&tenant, &open).await.unwrap();
        let names: Vec<&str> = steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names, ["first", "second", "third"]);
        assert_eq!(store.timeline(&tenant, &ended).await.unwrap(), []);
        assert_eq!(store.open_set(&tenant).await.unwrap().tasks, [open].into());
        let missed = "SELECT count(*) FROM deliveries WHERE at = 5 AND target = 'e1'
             AND state IN ('exhausted', 'held')";
        assert_eq!(number(&Connection::open(path(&folder)).unwrap(), missed), 1);
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
