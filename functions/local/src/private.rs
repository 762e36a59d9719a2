//! What lies in a data folder is its owner's alone: secrets, tenants' webhooks, pictures.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// What Fluxgate itself puts into the folder. Anything else there is somebody else's to say.
const FILES: [&str; 9] = [
    "fluxgate.db",
    "fluxgate.db-wal",
    "fluxgate.db-shm",
    "secrets.json",
    "admin-token",
    "emulator.json",
    // Of an older release.
    "emulator-url",
    "server-url",
    "serve.lock",
];
const FOLDERS: [&str; 1] = ["s3"];

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

/// Creates the folder, or takes from others what they may do with one that is there.
///
/// One that also holds something else, as `/tmp`, keeps its mode: only what is put into it is
/// private.
pub(crate) fn folder(path: &Path) -> Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(path)?;
    if is_ours_alone(path)? {
        mend(path, FOLDER_MODE)?;
    }
    FILES
        .iter()
        .try_for_each(|name| mend(&path.join(name), FILE_MODE))?;
    FOLDERS
        .iter()
        .try_for_each(|name| mend(&path.join(name), FOLDER_MODE))
}

fn is_ours_alone(path: &Path) -> Result<bool> {
    for entry in path.read_dir()? {
        let name = entry?.file_name();
        if !FILES.iter().chain(&FOLDERS).any(|ours| name == *ours) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn mend(path: &Path, mode: u32) -> Result<()> {
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    // What a link leads to was put elsewhere on purpose.
    if metadata.is_symlink() || metadata.permissions().mode() & OTHERS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| {
        format!(
            "{} is open to others and cannot be closed; run 'chmod {mode:o}' on it as its owner",
            path.display()
        )
    })?;
    tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "others could read this; now its owner alone can");
    Ok(())
}

/// Writes a file that its owner alone can read.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(FILE_MODE)
        .open(path)?;
    file.write_all(text.as_bytes())
}
