//! The objects of the buckets on this machine: files in a folder, and a row of the database for
//! each. The S3 server and the archiver both write through here.
//!
//! An object is published once its file and the file's folder are synced; it is durable once its
//! row is committed. Only one process at a time may write.

mod attributes;
mod days;
mod file_queue;
mod files;
mod folder;
mod leftovers;
mod listing;
mod plain;
mod store;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fluxgate_core::time::Timestamp;

use crate::SqliteStore;
use crate::sqlite::{ObjectName, ObjectRow};
pub(crate) use attributes::Attributes;
pub(crate) use files::Content;
use files::Files;
pub use folder::create_bucket;
pub(crate) use folder::{FileId, Folder, is_fit_key};
pub(crate) use listing::{Listing, Page};
pub use store::FolderObjectStore;

/// The objects below one folder.
#[derive(Clone)]
pub struct Objects {
    inner: Arc<Inner>,
}

struct Inner {
    folder: Folder,
    files: Files,
    store: SqliteStore,
}

/// An object that is there.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) bytes: u64,
    pub(crate) modified: Timestamp,
    pub(crate) attributes: Attributes,
}

/// An object to write.
pub(crate) struct Writing {
    pub(crate) name: ObjectName,
    pub(crate) content: Content,
    pub(crate) bytes: u64,
    pub(crate) attributes: Attributes,
    pub(crate) only_if_free: bool,
}

/// The result of a put.
#[derive(Debug)]
pub(crate) enum Put {
    Published,
    /// The key had to be free and is not.
    Taken(Found),
}

impl Objects {
    /// Creates the folder if it is missing, and removes what a crash left in it, on the current
    /// tokio runtime. The rows are in this store.
    pub fn open(root: &Path, store: SqliteStore) -> io::Result<Self> {
        let folder = Folder::open(root)?;
        let now = FileId::at(store.now());
        let ids = store.leftover_ids(now).map_err(io::Error::other)?;
        let files = Files::new(&folder, ids.end)?;
        let inner = Arc::new(Inner {
            folder,
            files,
            store,
        });
        let objects = Self { inner };
        let clearing = objects.clone();
        tokio::spawn(async move { clearing.clear_leftovers(ids).await });
        Ok(objects)
    }

    /// How many files and folders of objects were synced since the start.
    pub fn syncs(&self) -> u64 {
        self.inner.files.syncs()
    }

    /// How many bytes of objects were written since the start.
    pub fn bytes_written(&self) -> u64 {
        self.inner.files.bytes()
    }

    /// Where large outputs are best written before they are put here: then they are moved.
    pub fn incoming(&self) -> PathBuf {
        self.inner.folder.incoming()
    }

    /// The file of an object, if there is one. Blocks.
    pub fn file(&self, bucket: &str, key: &str) -> io::Result<Option<PathBuf>> {
        let name = ObjectName::new(bucket, key);
        let row = self.inner.store.object_at_once(&name);
        let found = match row.map_err(io::Error::other)? {
            Some(row) => Some(self.found(&name, row)),
            None => plain::find(&self.inner.folder, &name)?,
        };
        Ok(found.map(|found| found.path))
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.inner.folder
    }

    pub(crate) async fn find(&self, name: &ObjectName) -> io::Result<Option<Found>> {
        match self
            .inner
            .store
            .object(name)
            .await
            .map_err(io::Error::other)?
        {
            Some(row) => Ok(Some(self.found(name, row))),
            None => plain::find(&self.inner.folder, name),
        }
    }

    /// The object with its file, and the bytes that the file has now.
    pub(crate) async fn open_object(&self, name: &ObjectName) -> io::Result<Option<(Found, File)>> {
        // The first may be replaced or removed just now.
        for _ in 0..2 {
            let Some(mut found) = self.find(name).await? else {
                return Ok(None);
            };
            let opening = move || match File::open(&found.path) {
                Ok(file) => {
                    found.bytes = file.metadata()?.len();
                    Ok(Some((found, file)))
                }
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            };
            if let Some(opened) = blocking(opening).await? {
                return Ok(Some(opened));
            }
        }
        Ok(None)
    }

    /// Publishes an object. Its row is committed with the task that names it, or within a second.
    /// Of several puts at once to a key that must be free, one publishes.
    pub(crate) async fn put(&self, writing: Writing) -> io::Result<Put> {
        let Writing {
            name,
            content,
            bytes,
            attributes,
            only_if_free,
        } = writing;
        if only_if_free && let Some(found) = plain::find(&self.inner.folder, &name)? {
            return Ok(Put::Taken(found));
        }
        let now = self.inner.store.now();
        let file = self.inner.files.write(now, &name.key, content).await?;
        let row = ObjectRow {
            id: file.id,
            bytes,
            attributes,
        };
        if let Some(existing) = self.publish(&name, row, only_if_free).await? {
            return Ok(Put::Taken(existing));
        }
        file.keep();
        Ok(Put::Published)
    }

    /// Returns once the object that was put is durable.
    pub(crate) async fn commit(&self, name: &ObjectName, only_if_free: bool) -> io::Result<()> {
        let committed = self.inner.store.commit_object(name).await;
        committed.map_err(io::Error::other)?;
        if only_if_free {
            return Ok(());
        }
        let (objects, name) = (self.clone(), name.clone());
        blocking(move || plain::remove(&objects.inner.folder, &name)).await?;
        self.clear_discarded().await
    }

    /// Removing an object that does not exist succeeds.
    pub(crate) async fn remove(&self, name: &ObjectName) -> io::Result<()> {
        let (objects, plain) = (self.clone(), name.clone());
        blocking(move || plain::remove(&objects.inner.folder, &plain)).await?;
        let removed = self.inner.store.remove_object(name).await;
        self.unlink(removed.map_err(io::Error::other)?).await
    }

    /// The object in the way, if the key must be free. A row whose file somebody removed is in
    /// nobody's way.
    async fn publish(
        &self,
        name: &ObjectName,
        row: ObjectRow,
        only_if_free: bool,
    ) -> io::Result<Option<Found>> {
        let Inner { store, files, .. } = &*self.inner;
        let is_there = |row: &ObjectRow| files.path(row.id, &name.key).exists();
        let published = store.publish_object(name, row, only_if_free, is_there);
        let existing = published.await.map_err(io::Error::other)?;
        Ok(existing.map(|row| self.found(name, row)))
    }

    fn found(&self, name: &ObjectName, row: ObjectRow) -> Found {
        Found {
            path: self.inner.files.path(row.id, &name.key),
            bytes: row.bytes,
            modified: row.id.time(),
            attributes: row.attributes,
        }
    }
}

/// Runs blocking work on a thread for that.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(io::Error::other)?
}
