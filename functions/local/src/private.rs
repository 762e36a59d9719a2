//! Only the owner may read a data folder: it holds secrets, tenants' webhooks and pictures.

use std::fs::Permissions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};

/// What Fluxgate itself puts into the folder. Anything else there is somebody else's to say.
const FILES: [&str; 13] = [
    "fluxgate.db",
    "fluxgate.db-wal",
    "fluxgate.db-shm",
    "input-keys.db",
    "input-keys.db-journal",
    "secrets.json",
    "admin-token",
    "bounds.json",
    "provider.json",
    "emulator.json",
    // From an older release.
    "emulator-url",
    "server-url",
    "serve.lock",
];
const FOLDERS: [&str; 1] = ["s3"];
/// Not mended here: whoever reads it refuses it while others can read it too.
const KEYS: &str = "encryption-keys.json";

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Creates the folder, or removes other users' permissions from an existing one.
///
/// A folder that also holds other files, such as `/tmp`, keeps its mode: only Fluxgate's files in
/// it are private.
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
        let mut ours = FILES.iter().chain(&FOLDERS).chain([&KEYS]);
        if !ours.any(|ours| name == *ours) {
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
    // The target of a link was put elsewhere on purpose.
    if metadata.is_symlink() || metadata.permissions().mode() & OTHERS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(mode)).with_context(|| {
        format!(
            "other users can access {} and its mode cannot be changed; run 'chmod {mode:o}' on it as its owner",
            path.display()
        )
    })?;
    tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "other users could read this; now only its owner can");
    Ok(())
}

/// Writes a file that its owner alone can read. Whoever reads it finds the old text or the new one.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}
