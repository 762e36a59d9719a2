//! Restores a backup into a new data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use fluxgate_core::app::{Doubted, Restoration};
use fluxgate_embedded::sqlite::SCHEMA_VERSION;
use fluxgate_embedded::{SqliteStore, input_keys};

use super::files::{self, unreadable};
use super::manifest::Manifest;
use super::staging::Staging;
use super::{DATABASE, Progress, SECRETS, buckets};
use crate::folder::DataFolder;
use crate::key_ring;

/// Which backup, and where to.
#[derive(Debug, Clone)]
pub struct RestoreWanted {
    pub from: PathBuf,
    pub data: PathBuf,
    /// A folder with the secrets that the backup does not have.
    pub secrets: Option<PathBuf>,
    /// A folder with the keys of inputs, which no backup has.
    pub input_keys: Option<PathBuf>,
    /// To be looked at alone: the folder sends nothing until somebody ends that.
    pub drill: bool,
}

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    pub manifest: Manifest,
    pub bucket_files: u64,
    pub doubted: Doubted,
}

/// Makes a data folder of a backup. The folder is there at once when it is whole, and in it
/// everything is in doubt that may have been sent to the provider since the backup.
pub async fn restore(
    wanted: RestoreWanted,
    told: impl FnMut(Progress) + Send + 'static,
) -> Result<Restored> {
    let drill = wanted.drill;
    let copying = move || copied(&wanted, told);
    let (staging, manifest, bucket_files) = tokio::task::spawn_blocking(copying).await??;
    let doubted = doubt(&staging.path).await?;
    let finishing = move || {
        SqliteStore::mark_drill(&staging.path, drill)?;
        SqliteStore::checkpoint(&staging.path)?;
        staging.finish()
    };
    tokio::task::spawn_blocking(finishing).await??;
    Ok(Restored {
        manifest,
        bucket_files,
        doubted,
    })
}

/// Every file is compared with what the manifest says of it.
fn copied(
    wanted: &RestoreWanted,
    mut told: impl FnMut(Progress),
) -> Result<(Staging, Manifest, u64)> {
    let (from, manifest) = (&wanted.from, Manifest::read(&wanted.from)?);
    check_secrets(wanted, &manifest)?;
    let staging = Staging::begin(&wanted.data)?;
    let data = &staging.path;
    for file in &manifest.files {
        let path = from.join(&file.name);
        let is_of_folder = file.name == DATABASE || SECRETS.contains(&file.name.as_str());
        let read = match is_of_folder {
            true => files::copy(&path, &data.join(&file.name)),
            false => files::digest(&path),
        };
        let read = read.map_err(|error| unreadable(from, &file.name, error))?;
        if (read.bytes, &read.sha256) != (file.bytes, &file.sha256) {
            bail!("{} is damaged; use another backup", path.display());
        }
    }
    DataFolder::check_exists(data)?;
    copy_given_secrets(wanted, data)?;
    check_keys(wanted, &manifest, data)?;
    copy_input_keys(wanted, data)?;
    buckets::create(from, data).context("cannot create the buckets")?;
    let bucket_files = match manifest.buckets {
        Some(_) => buckets::restore(from, data, &mut told)?,
        None => 0,
    };
    SqliteStore::check(data)?;
    Ok((staging, manifest, bucket_files))
}

fn check_secrets(wanted: &RestoreWanted, manifest: &Manifest) -> Result<()> {
    if !manifest.has_secrets && wanted.secrets.is_none() {
        bail!(
            "{} was made without secrets; name the folder that has {} with --secrets",
            wanted.from.display(),
            SECRETS.join(", ")
        );
    }
    Ok(())
}

/// Those of the backup go first.
fn copy_given_secrets(wanted: &RestoreWanted, data: &Path) -> Result<()> {
    let Some(given) = &wanted.secrets else {
        return Ok(());
    };
    for name in SECRETS {
        let (from, to) = (given.join(name), data.join(name));
        if from.exists() && !to.exists() {
            files::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
        }
    }
    Ok(())
}

/// Those of a folder without tasks need not be there.
fn copy_input_keys(wanted: &RestoreWanted, data: &Path) -> Result<()> {
    let Some(folder) = &wanted.input_keys else {
        return Ok(());
    };
    let (from, to) = (input_keys::path(folder), input_keys::path(data));
    files::copy(&from, &to).with_context(|| {
        let shown = from.display();
        format!("cannot copy {shown}; name the folder that 'fluxgate backup --input-keys' wrote, or the data folder of before")
    })?;
    let checked = input_keys::check(data);
    checked.with_context(|| format!("{} cannot be used", from.display()))
}

/// Before the folder is opened under a name that goes with a failure: errors name what was given.
/// In an older database there is nothing to compare keys with.
fn check_keys(wanted: &RestoreWanted, manifest: &Manifest, data: &Path) -> Result<()> {
    let given = match manifest.has_secrets {
        true => &wanted.from,
        false => wanted.secrets.as_ref().unwrap_or(&wanted.from),
    };
    match manifest.schema_version == SCHEMA_VERSION {
        true => Ok(key_ring::verify_copied(data, given)?),
        false => Ok(()),
    }
}

async fn doubt(data: &Path) -> Result<Doubted> {
    let folder = DataFolder::open(data)?;
    let restoration = Restoration::new(folder.context(), Arc::new(folder.store.clone()));
    let doubted = restoration.doubt().await?;
    folder.store.write_settled().await?;
    Ok(doubted)
}
