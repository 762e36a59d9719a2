//! A copy of the database beside whoever serves it: as of one moment, in small steps that leave
//! most of the disk to others.

use std::path::Path;
use std::time::{Duration, Instant};

use fluxgate_core::{Error, Result};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use super::connection::open_for_reading;
use super::error::database;
use super::{SqliteStore, migrations};
use crate::objects::FileId;

/// Pages of one step: a megabyte.
const STEP_PAGES: i32 = 256;
/// A step rests for as long as it took, and this long at most.
const REST_MAX: Duration = Duration::from_millis(100);

const COPY: &str = "copy the database";

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyProgress {
    pub pages: u64,
    pub copied: u64,
}

impl SqliteStore {
    /// Copies the folder's database into `file`, which must not exist, and returns the version of
    /// its schema. The copy is as of the moment at which it begins: the log grows meanwhile by what
    /// is written, because the copy reads one snapshot. An older database is copied as it is.
    /// Blocks.
    ///
    /// Kind `Internal` with code `schema_version` for a database of a later release.
    pub fn copy(folder: &Path, file: &Path, mut told: impl FnMut(CopyProgress)) -> Result<usize> {
        let source = open_for_reading(&folder.join("fluxgate.db"))?;
        // While it lasts, no write of another process makes the copy begin anew.
        let snapshot = source.unchecked_transaction().map_err(database(COPY))?;
        let version = migrations::known_version(&snapshot)?;
        let mut copy = create(file).map_err(database(COPY))?;
        let backup = Backup::new(&snapshot, &mut copy).map_err(database(COPY))?;
        loop {
            let begun = Instant::now();
            let step = backup.step(STEP_PAGES).map_err(database(COPY))?;
            let (progress, took) = (backup.progress(), begun.elapsed());
            told(CopyProgress {
                pages: count(progress.pagecount),
                copied: count(progress.pagecount - progress.remaining),
            });
            match step {
                StepResult::Done => return Ok(version),
                StepResult::More => std::thread::sleep(took.min(REST_MAX)),
                // Nobody else knows of the copy, and readers of the source are never locked out.
                _ => {
                    return Err(Error::unavailable(
                        "database_busy",
                        "the database is locked",
                    ));
                }
            }
        }
    }
}

/// Names every file of the objects that the folder's database knows, below the folder of objects. A
/// database of a release without such rows names none. Blocks.
pub fn object_files(
    folder: &Path,
    mut each: impl FnMut(String) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let connection =
        open_for_reading(&folder.join("fluxgate.db")).map_err(std::io::Error::other)?;
    let named = "SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = 'objects')";
    let of_sqlite = |error| std::io::Error::other(database("read the objects")(error));
    if !connection
        .query_row(named, [], |row| row.get::<_, bool>(0))
        .map_err(of_sqlite)?
    {
        return Ok(());
    }
    let mut sql = connection
        .prepare("SELECT id, key FROM objects")
        .map_err(of_sqlite)?;
    let mut rows = sql.query([]).map_err(of_sqlite)?;
    while let Some(row) = rows.next().map_err(of_sqlite)? {
        let (id, key): (i64, String) = row
            .get(0)
            .and_then(|id| Ok((id, row.get(1)?)))
            .map_err(of_sqlite)?;
        each(FileId(id).file(&key))?;
    }
    Ok(())
}

/// Whoever made the copy syncs it: until then a crash makes it worthless in any case.
fn create(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let copy = Connection::open_with_flags(file, flags)?;
    copy.execute_batch("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;")?;
    Ok(copy)
}

fn count(pages: i32) -> u64 {
    u64::try_from(pages).unwrap_or(0)
}
