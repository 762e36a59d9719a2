//! Makes a backup.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_embedded::sqlite::SCHEMA_VERSION;
use fluxgate_embedded::{SqliteStore, input_keys};

use super::buckets::{self, BucketCopy};
use super::files::{self, new_file, new_folder};
use super::manifest::Manifest;
use super::staging::Staging;
use super::{BUCKET_DIGESTS, BUCKET_NAMES, DATABASE, KEYS, Progress, SECRETS};
use crate::folder::DataFolder;
use crate::key_ring;

/// Copies of the database that may be in vain because the encryption keys changed meanwhile.
const TRIES: usize = 3;

/// What is to be backed up, and where to.
#[derive(Debug, Clone)]
pub struct BackupWanted {
    pub data: PathBuf,
    pub to: PathBuf,
    /// Includes the keys that open what the database holds.
    pub secrets: bool,
    pub buckets: bool,
    /// Where one current copy of the keys of inputs goes, in place of the one before. No backup
    /// has them: what is erased by removing a key would be in it for good.
    pub input_keys: Option<PathBuf>,
}

/// Makes a backup of a folder that may be served meanwhile: everything that was acknowledged before
/// it began is in it. Blocks.
pub fn make(wanted: &BackupWanted, mut told: impl FnMut(Progress)) -> Result<Manifest> {
    DataFolder::check_exists(&wanted.data)?;
    check_outside(&wanted.data, &wanted.to)?;
    check_keys_apart(wanted)?;
    let begun_at = SystemClock.now().rfc3339();
    let staging = Staging::begin(&wanted.to)?;
    let to = staging.path.as_path();
    let buckets = wanted
        .buckets
        .then(|| BucketCopy::begin(&wanted.data, to))
        .transpose()
        .context("cannot copy the buckets")?;
    let version = copy_database(wanted, to, &mut told)?;
    check(wanted, to, version)?;
    let copied = buckets
        .map(|buckets| buckets.finish(&mut told))
        .transpose()
        .context("cannot copy the buckets")?;
    buckets::write_names(&wanted.data, to).context("cannot list the buckets")?;
    remove_logs(to)?;
    let mut manifest = Manifest::new(version, begun_at, SystemClock.now().rfc3339());
    manifest.has_secrets = wanted.secrets;
    manifest.buckets = copied;
    for name in [DATABASE, BUCKET_NAMES, BUCKET_DIGESTS]
        .iter()
        .chain(&SECRETS)
    {
        let path = to.join(name);
        if path.exists() {
            let digested =
                files::digest(&path).with_context(|| format!("cannot read {}", path.display()))?;
            manifest.add(name, digested);
        }
    }
    // After the database: every key is there that something in it was sealed with.
    copy_input_keys(wanted)?;
    files::sync_all(to).with_context(|| format!("cannot write {}", to.display()))?;
    manifest.write(to)?;
    staging.finish()?;
    Ok(manifest)
}

/// A backup inside the data folder would be lost with it.
fn check_outside(data: &Path, to: &Path) -> Result<()> {
    let (data, target) = (data.canonicalize()?, std::path::absolute(to)?);
    let is_inside = target
        .ancestors()
        .filter_map(|folder| folder.canonicalize().ok())
        .any(|folder| folder == data);
    if is_inside {
        bail!(
            "{} lies in the data folder; name a folder elsewhere, best on another disk",
            to.display()
        );
    }
    Ok(())
}

/// With the keys in it, a backup would tell what is erased later.
fn check_keys_apart(wanted: &BackupWanted) -> Result<()> {
    let Some(keys) = &wanted.input_keys else {
        return Ok(());
    };
    check_outside(&wanted.data, keys)?;
    let (keys, to) = (std::path::absolute(keys)?, std::path::absolute(&wanted.to)?);
    if keys.starts_with(&to) {
        bail!(
            "{} lies in the backup, which would tell then what is erased later; name a folder beside it for the keys of inputs",
            keys.display()
        );
    }
    Ok(())
}

fn copy_input_keys(wanted: &BackupWanted) -> Result<()> {
    let Some(to) = &wanted.input_keys else {
        return Ok(());
    };
    new_folder(to).with_context(|| format!("cannot create {}", to.display()))?;
    let copied = input_keys::copy(&wanted.data, to);
    let shown = to.display();
    copied
        .map(drop)
        .with_context(|| format!("cannot copy the keys of inputs to {shown}"))
}

/// Copies database and secrets so that they belong together: a rotation of the encryption keys
/// changes both.
fn copy_database(
    wanted: &BackupWanted,
    to: &Path,
    told: &mut dyn FnMut(Progress),
) -> Result<usize> {
    let file = to.join(DATABASE);
    for _ in 0..TRIES {
        let keys = secret(&wanted.data, KEYS)?;
        new_file(&file).with_context(|| format!("cannot write {}", file.display()))?;
        let version = SqliteStore::copy(&wanted.data, &file, |progress| {
            told(Progress::Database {
                copied: progress.copied,
                pages: progress.pages,
            });
        })?;
        if secret(&wanted.data, KEYS)? == keys {
            if wanted.secrets {
                copy_secrets(&wanted.data, to)?;
            }
            return Ok(version);
        }
        std::fs::remove_file(&file)?;
    }
    bail!("the encryption keys are being rotated; make the backup when that is done")
}

fn copy_secrets(data: &Path, to: &Path) -> Result<()> {
    for name in SECRETS {
        if let Some(text) = secret(data, name)? {
            let path = to.join(name);
            new_file(&path)
                .and_then(|mut file| file.write_all(&text))
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

/// `None` for a file that is not there.
fn secret(data: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let path = data.join(name);
    match std::fs::read(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// A backup that could not be restored is not made.
fn check(wanted: &BackupWanted, to: &Path, version: usize) -> Result<()> {
    SqliteStore::check_quickly(to).with_context(|| {
        let data = wanted.data.display();
        format!("no backup was made, because the database in {data} is not sound")
    })?;
    // In an older database there is nothing to compare them with.
    if wanted.secrets && version == SCHEMA_VERSION {
        key_ring::verify(to)?;
    }
    Ok(())
}

/// What reading the copy left beside it; it holds nothing.
fn remove_logs(to: &Path) -> Result<()> {
    for log in ["fluxgate.db-wal", "fluxgate.db-shm"] {
        match std::fs::remove_file(to.join(log)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
