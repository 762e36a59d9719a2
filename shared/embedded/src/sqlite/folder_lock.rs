//! One serving process a data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use fluxgate_core::{Error, Kind, Result};

/// Held while a process serves a folder; the kernel lets go of it when the process ends, however it
/// ends.
pub struct FolderLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl FolderLock {
    /// Fails with kind `Conflict` and code `folder_in_use` when another process serves the folder.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join("serve.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(|error| {
                let text = format!("the data folder {} cannot be written", folder.display());
                Error::internal("data_folder", text).source(error)
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => {
                let text = format!(
                    "the data folder {} is in use by another fluxgate process",
                    folder.display()
                );
                Err(Error::new(Kind::Conflict, "folder_in_use", text))
            }
            Err(TryLockError::Error(error)) => Err(Error::internal(
                "data_folder",
                "the data folder cannot be locked",
            )
            .source(error)),
        }
    }
}
