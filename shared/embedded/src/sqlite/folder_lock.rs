//! One serving process per data folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use fluxgate_core::{Error, Kind, Result};

const NAME: &str = "serve.lock";
/// Longer than anybody takes who asks, and so often as it is tried meanwhile.
const ASKED_FOR: Duration = Duration::from_millis(2);
const ASKED_TRIES: usize = 10;

/// Held while a process serves a folder; the kernel lets go of it when the process ends, however it
/// ends.
pub struct FolderLock(#[expect(dead_code, reason = "the open file is the lock")] File);

impl FolderLock {
    /// Fails with kind `Conflict` and code `folder_in_use` if another process serves the folder.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
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
        match lock(&file) {
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

    /// Whether a process serves the folder now. Asking keeps no server from starting.
    pub fn is_held(folder: &Path) -> bool {
        File::open(folder.join(NAME))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Whoever asks whether the folder is served holds a shared lock for a moment, which is waited for:
/// it must not keep a server from starting.
fn lock(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..ASKED_TRIES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(ASKED_FOR),
            decided => return decided,
        }
    }
    file.try_lock()
}
