//! The rows of the local buckets' objects. A row is committed at once for a client of the S3
//! server; an output's row waits for the change that names it, and is part of that commit.

mod pending;

use std::ops::Range;
use std::time::Duration;

use fluxgate_core::Result;
use fluxgate_core::task::Task;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::SqliteStore;
use super::error::{database, parsed, unwritable};
use super::give_way::give_way;
use crate::objects::{Attributes, FileId};
use pending::Named;
pub(super) use pending::PendingObjects;

/// How long a row waits for a change that names its object; then it is written without one.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ObjectRow {
    pub(crate) id: FileId,
    pub(crate) bytes: u64,
    pub(crate) attributes: Attributes,
}

/// An object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedObject {
    pub(crate) key: String,
    pub(crate) id: FileId,
    pub(crate) bytes: u64,
    /// Base64.
    pub(crate) sha256: Option<String>,
}

/// A bucket and a key in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ObjectName {
    pub(crate) bucket: String,
    pub(crate) key: String,
}

impl SqliteStore {
    /// The object, committed or about to be.
    pub(crate) async fn object(&self, name: &ObjectName) -> Result<Option<ObjectRow>> {
        give_way().await;
        self.object_at_once(name)
    }

    /// [`SqliteStore::object`], for who does not serve.
    pub(crate) fn object_at_once(&self, name: &ObjectName) -> Result<Option<ObjectRow>> {
        match self.objects.get(name) {
            Some(row) => Ok(Some(row)),
            None => self.committed_object(name),
        }
    }

    fn committed_object(&self, name: &ObjectName) -> Result<Option<ObjectRow>> {
        self.readers
            .row(OBJECT, params![name.bucket, name.key], object)?
            .map(|stored| stored.row(name))
            .transpose()
    }

    /// Publishes an object whose file and folder are synced. `Some` if the key had to be free and
    /// is not: that object, unless `is_there` says that its file is gone. Of several at once
    /// exactly one is published.
    ///
    /// Its row is committed by [`SqliteStore::commit_object`], by the change of a task that names
    /// it, or after a second: never later than a task that was completed with it.
    pub(crate) async fn publish_object(
        &self,
        name: &ObjectName,
        row: ObjectRow,
        only_if_free: bool,
        is_there: impl Fn(&ObjectRow) -> bool,
    ) -> Result<Option<ObjectRow>> {
        give_way().await;
        let committed = || Ok(self.committed_object(name)?.filter(is_there));
        let existing = self.objects.publish(name, row, only_if_free, committed)?;
        if existing.is_none() {
            self.commit_later();
        }
        Ok(existing)
    }

    /// Returns once the published object is durable.
    pub(crate) async fn commit_object(&self, name: &ObjectName) -> Result<()> {
        let named = self.objects.named([name]);
        match named.is_empty() {
            true => Ok(()),
            false => self.commit_objects(named).await,
        }
    }

    async fn commit_objects(&self, named: Vec<Named>) -> Result<()> {
        let (objects, writing) = (self.objects.clone(), named.clone());
        self.write(move |write| objects.write(write.connection, &writing))
            .await?;
        self.objects.committed(&named);
        Ok(())
    }

    /// Removes an object. Returns the files that nobody needs any more; they are remembered until
    /// [`SqliteStore::forget_files`].
    pub(crate) async fn remove_object(&self, name: &ObjectName) -> Result<Vec<String>> {
        let pending = self.objects.remove(name);
        let name = name.clone();
        self.write(move |write| {
            let row = stored(write.connection, &name)?;
            let mut ids: Vec<FileId> = row.into_iter().chain(pending).collect();
            ids.dedup();
            for id in &ids {
                discard(write.connection, *id, &name.key)?;
            }
            Ok(ids.iter().map(|id| id.file(&name.key)).collect())
        })
        .await
    }

    /// The files of objects that were replaced or removed, at most this many.
    pub(crate) async fn discarded_files(&self, limit: usize) -> Result<Vec<String>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT file FROM discarded_files LIMIT ?1";
        self.reading().await.rows(sql, [limit], |row| row.get(0))
    }

    /// To be called once they are unlinked.
    pub(crate) async fn forget_files(&self, files: Vec<String>) -> Result<()> {
        self.write_soon(move |write| {
            for file in &files {
                write
                    .connection
                    .prepare_cached("DELETE FROM discarded_files WHERE file = ?1")
                    .and_then(|mut statement| statement.execute([file]))
                    .map_err(database("forget an unlinked file"))?;
            }
            Ok(())
        })
        .await
    }

    /// Committed objects with keys above `after` that begin with the prefix, in order of their
    /// keys.
    pub(crate) async fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<ListedObject>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let listed = |row: &Row<'_>| {
            Ok(ListedObject {
                key: row.get(0)?,
                id: FileId(row.get(1)?),
                bytes: number(row.get(2)?),
                sha256: row.get(3)?,
            })
        };
        let readers = self.reading().await;
        // The binary order of UTF-8 is that of its code points: this is above every key with the
        // prefix.
        let end = format!("{prefix}\u{10FFFF}\u{10FFFF}");
        readers.rows(
            "SELECT key, id, bytes, attributes ->> '$.sha256' FROM objects
             WHERE bucket = ?1 AND key > ?2 AND key >= ?3 AND key < ?4 ORDER BY key LIMIT ?5",
            params![bucket, after, prefix, end, limit],
            listed,
        )
    }

    /// Which of these files belong to an object.
    pub(crate) async fn has_object(&self, id: FileId) -> Result<bool> {
        let sql = "SELECT 1 FROM objects WHERE id = ?1";
        let row = self.reading().await.row(sql, [id.0], |_| Ok(()))?;
        Ok(row.is_some())
    }

    /// The ids between which files without an object may lie, and the first one of this start.
    pub(crate) fn leftover_ids(&self, now: FileId) -> Result<Range<FileId>> {
        let of = |sql: &str| {
            self.readers
                .row(sql, [], |row| row.get::<_, Option<i64>>(0))
        };
        let cleared = of("SELECT cleared_below FROM leftovers WHERE one = 1")?.flatten();
        let newest = of("SELECT max(id) FROM objects")?.flatten();
        let (cleared, newest) = (cleared.unwrap_or(0), newest.unwrap_or(0));
        Ok(FileId(cleared)..FileId(now.0.max(cleared).max(newest.saturating_add(1))))
    }

    pub(crate) async fn note_cleared(&self, below: FileId) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO leftovers (one, cleared_below) VALUES (1, ?1)";
        self.write_soon(move |write| {
            write
                .connection
                .execute(sql, [below.0])
                .map(drop)
                .map_err(database("note that leftovers are cleared"))
        })
        .await
    }

    /// The published objects that this task names and whose rows are not known to be committed.
    pub(super) fn pending_of(&self, task: &Task) -> Vec<Named> {
        if self.objects.is_empty() {
            return Vec::new();
        }
        let copied = task.copied.iter().map(|copied| &copied.output);
        let outputs = task.outputs.iter().chain(copied);
        let names = outputs.filter(|output| output.store.is_none());
        let names: Vec<ObjectName> = names
            .map(|output| ObjectName::new(&output.bucket, &output.key))
            .collect();
        self.objects.named(&names)
    }

    /// Sees to it that no row waits for long for a change that names its object.
    fn commit_later(&self) {
        if !self.objects.begin_waiting() {
            return;
        }
        let store = self.clone();
        tokio::spawn(async move {
            while store.objects.goes_on_waiting() {
                tokio::time::sleep(WAIT_MAX).await;
                let named = store.objects.older_than(WAIT_MAX);
                if named.is_empty() {
                    continue;
                }
                if let Err(error) = store.commit_objects(named).await {
                    let error = error.with_causes();
                    tracing::error!(
                        error,
                        "what the database knows of stored objects could not be written; trying again, outputs wait"
                    );
                }
            }
        });
    }
}

impl ObjectName {
    pub(crate) fn new(bucket: &str, key: &str) -> Self {
        Self {
            bucket: bucket.to_owned(),
            key: key.to_owned(),
        }
    }
}

const OBJECT: &str = "SELECT id, bytes, attributes FROM objects WHERE bucket = ?1 AND key = ?2";

/// A row as SQLite has it.
struct Stored {
    id: i64,
    bytes: i64,
    attributes: String,
}

fn object(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: row.get(0)?,
        bytes: row.get(1)?,
        attributes: row.get(2)?,
    })
}

impl Stored {
    fn row(self, name: &ObjectName) -> Result<ObjectRow> {
        let what = format_args!("object '{}' of bucket '{}'", name.key, name.bucket);
        Ok(ObjectRow {
            id: FileId(self.id),
            bytes: number(self.bytes),
            attributes: parsed(&self.attributes, what)?,
        })
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

/// The file of the object that is stored under this name.
fn stored(connection: &Connection, name: &ObjectName) -> Result<Option<FileId>> {
    connection
        .prepare_cached("SELECT id FROM objects WHERE bucket = ?1 AND key = ?2")
        .and_then(|mut statement| {
            statement
                .query_row(params![name.bucket, name.key], |row| row.get(0))
                .optional()
        })
        .map(|id| id.map(FileId))
        .map_err(database("read an object"))
}

/// Writes the row, over that of an object which it replaces. Does nothing if it is written.
fn write_row(connection: &Connection, name: &ObjectName, row: &ObjectRow) -> Result<()> {
    match stored(connection, name)? {
        Some(id) if id == row.id => return Ok(()),
        Some(replaced) => discard(connection, replaced, &name.key)?,
        None => {}
    }
    let attributes = serde_json::to_string(&row.attributes).map_err(unwritable)?;
    let bytes = i64::try_from(row.bytes).unwrap_or(i64::MAX);
    connection
        .prepare_cached(
            "INSERT INTO objects (id, bucket, key, bytes, attributes) VALUES (?1, ?2, ?3, ?4, ?5)",
        )
        .and_then(|mut statement| {
            statement.execute(params![row.id.0, name.bucket, name.key, bytes, attributes])
        })
        .map(drop)
        .map_err(database("write an object"))
}

fn discard(connection: &Connection, id: FileId, key: &str) -> Result<()> {
    let run = |sql: &str, param: &dyn rusqlite::ToSql| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([param]))
            .map_err(database("remove an object"))
    };
    run("DELETE FROM objects WHERE id = ?1", &id.0)?;
    let sql = "INSERT OR IGNORE INTO discarded_files (file) VALUES (?1)";
    run(sql, &id.file(key)).map(drop)
}
