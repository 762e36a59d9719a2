//! What a crash left behind: files of objects that were never published, and files of objects that
//! were replaced or removed. The start removes them, while it serves; only days since the last
//! start are looked through.

use std::fs::{DirEntry, ReadDir};
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::Path;

use super::folder::FileId;
use super::{Objects, blocking};

/// Files that are looked at or forgotten together.
const FILES: usize = 500;

impl Objects {
    /// Removes what was left behind with ids in this range, and all files that nobody needs.
    pub(super) async fn clear_leftovers(&self, ids: Range<FileId>) {
        let cleared = async {
            let removed = self.clear_unpublished(&ids).await?;
            if removed > 0 {
                tracing::warn!(
                    removed,
                    "removed files of objects that the database does not know: a crash left them, or it is older than they are"
                );
            }
            let store = &self.inner.store;
            store
                .note_cleared(ids.end)
                .await
                .map_err(io::Error::other)?;
            self.clear_discarded().await
        };
        if let Err(error) = cleared.await {
            tracing::warn!(error = %error, "files that a crash left among the objects could not be removed; the next start tries again");
        }
    }

    /// Unlinks the files of objects that were replaced or removed.
    pub(super) async fn clear_discarded(&self) -> io::Result<()> {
        loop {
            let discarded = self.inner.store.discarded_files(FILES).await;
            let discarded = discarded.map_err(io::Error::other)?;
            if discarded.is_empty() {
                return Ok(());
            }
            self.unlink(discarded).await?;
        }
    }

    /// Unlinks discarded files, and forgets them.
    pub(super) async fn unlink(&self, files: Vec<String>) -> io::Result<()> {
        let (folder, unlinking) = (self.inner.folder.objects(), files.clone());
        blocking(move || {
            unlinking
                .iter()
                .try_for_each(|file| remove(&folder.join(file)))
        })
        .await?;
        let forgotten = self.inner.store.forget_files(files).await;
        forgotten.map_err(io::Error::other)
    }

    /// Returns how many files it removed.
    async fn clear_unpublished(&self, ids: &Range<FileId>) -> io::Result<usize> {
        let mut removed = 0;
        let (folder, since) = (self.inner.folder.objects(), ids.start.day());
        for day in days(&folder)?.into_iter().filter(|day| *day >= since) {
            let folder = folder.join(day);
            let mut files = std::fs::read_dir(&folder)?;
            loop {
                let (rest, some) = blocking(move || names(files)).await?;
                files = rest;
                if some.is_empty() {
                    break;
                }
                removed += self.clear_some(&folder, some, ids).await?;
            }
        }
        Ok(removed)
    }

    async fn clear_some(
        &self,
        folder: &Path,
        files: Vec<String>,
        ids: &Range<FileId>,
    ) -> io::Result<usize> {
        let mut removed = 0;
        for file in files {
            let id = FileId::of_file_name(&file).filter(|id| ids.contains(id));
            if let Some(id) = id
                && !self
                    .inner
                    .store
                    .has_object(id)
                    .await
                    .map_err(io::Error::other)?
            {
                remove(&folder.join(file))?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn days(folder: &Path) -> io::Result<Vec<String>> {
    std::fs::read_dir(folder)?.map(name).collect()
}

/// The next few names of a folder, and the rest.
fn names(mut files: ReadDir) -> io::Result<(ReadDir, Vec<String>)> {
    let some = files
        .by_ref()
        .take(FILES)
        .map(name)
        .collect::<io::Result<_>>()?;
    Ok((files, some))
}

fn name(entry: io::Result<DirEntry>) -> io::Result<String> {
    Ok(entry?.file_name().to_string_lossy().into_owned())
}

fn remove(file: &Path) -> io::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
