//! The files of objects. They are written by a few threads of their own, in groups: see
//! [`FileQueue`]. Large ones have other threads, so that no small one waits for them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fluxgate_core::time::Timestamp;
use tokio::sync::oneshot;

use super::days::Days;
use super::file_queue::{FileQueue, Kind, Wanted};
use super::folder::{FileId, Folder};

/// Files of more bytes are large.
const SMALL_BYTES_MAX: usize = 512 * 1024;

/// The bytes of an object that is to be written.
pub(crate) enum Content {
    Memory(Bytes),
    /// A file that removes itself. It is moved if it lies on the same file system.
    File(Box<dyn AsRef<Path> + Send + Sync>),
}

impl Content {
    fn is_small(&self) -> bool {
        match self {
            Self::Memory(bytes) => bytes.len() <= SMALL_BYTES_MAX,
            Self::File(_) => false,
        }
    }
}

/// Writes the files of one folder. Only one may do so at a time.
pub(super) struct Files {
    days: Arc<Days>,
    small: FileQueue,
    large: FileQueue,
}

/// A file on disk that nothing names yet: it is removed unless it is kept.
pub(super) struct NewFile {
    pub(super) id: FileId,
    path: PathBuf,
    is_kept: bool,
}

impl NewFile {
    pub(super) fn new(id: FileId, path: PathBuf) -> Self {
        let is_kept = false;
        Self { id, path, is_kept }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// To be called once a row names it, or is about to.
    pub(super) fn keep(mut self) {
        self.is_kept = true;
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // What stays is found at the next start.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Files {
    /// `first`: the lowest id that is free.
    pub(super) fn new(folder: &Folder, first: FileId) -> io::Result<Self> {
        let days = Arc::new(Days::new(folder, first));
        Ok(Self {
            small: FileQueue::start(Kind::Small, &days)?,
            large: FileQueue::start(Kind::Large, &days)?,
            days,
        })
    }

    /// How many files and folders were synced since the start.
    pub(super) fn syncs(&self) -> u64 {
        self.days.syncs()
    }

    /// How many bytes of objects were written since the start.
    pub(super) fn bytes(&self) -> u64 {
        self.days.bytes()
    }

    pub(super) fn path(&self, id: FileId, key: &str) -> PathBuf {
        self.days.path(id, key)
    }

    /// Returns once the file and its name are on disk. After an error, or if the caller goes away,
    /// nothing of it is left.
    pub(super) async fn write(
        &self,
        now: Timestamp,
        key: &str,
        content: Content,
    ) -> io::Result<NewFile> {
        let queue = if content.is_small() {
            &self.small
        } else {
            &self.large
        };
        let (answer, written) = oneshot::channel();
        queue.push(Wanted {
            now,
            key: key.to_owned(),
            content,
            answer,
        });
        written.await.map_err(io::Error::other)?
    }
}
