//! What a backup says of itself: written last, so that a folder without it is no backup.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_embedded::sqlite::SCHEMA_VERSION;
use serde::{Deserialize, Serialize};

use super::files::{Digested, new_file};

const NAME: &str = "manifest.json";
/// Of the layout of a backup.
const FORMAT: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The release that made it.
    pub release: String,
    /// Of the database.
    pub schema_version: usize,
    /// The backup has everything that was acknowledged before this moment.
    pub begun_at: String,
    pub made_at: String,
    /// False if the secrets have to be given to the restoration.
    pub has_secrets: bool,
    /// `None` if the buckets were left out.
    pub buckets: Option<CopiedBuckets>,
    /// All files but those of the buckets, which have a list of their own among these.
    pub files: Vec<BackupFile>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupFile {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopiedBuckets {
    pub files: u64,
    pub bytes: u64,
    /// Files that are the data folder's own, by a second name.
    pub linked: u64,
}

/// Where it is in a backup.
pub(super) fn path(backup: &Path) -> std::path::PathBuf {
    backup.join(NAME)
}

impl Manifest {
    pub(super) fn new(schema_version: usize, begun_at: String, made_at: String) -> Self {
        Self {
            format: FORMAT,
            release: env!("CARGO_PKG_VERSION").to_owned(),
            schema_version,
            begun_at,
            made_at,
            has_secrets: false,
            buckets: None,
            files: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, name: &str, digested: Digested) {
        self.files.push(BackupFile {
            name: name.to_owned(),
            bytes: digested.bytes,
            sha256: digested.sha256,
        });
    }

    /// To be called when everything else is on disk.
    pub(super) fn write(&self, backup: &Path) -> Result<()> {
        let path = backup.join(NAME);
        let mut file =
            new_file(&path).with_context(|| format!("cannot write {}", path.display()))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        Ok(file.sync_all()?)
    }

    /// Fails for a folder that is no whole backup, or one that this release cannot read.
    pub(super) fn read(backup: &Path) -> Result<Self> {
        let (path, shown) = (backup.join(NAME), backup.display());
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(
                "{shown} is no whole backup: it has no {NAME}; name a folder that 'fluxgate backup' made"
            ),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        // As any other damage: what refuses the text is no refusal of the caller.
        let manifest: Self = json::read(&text, JsonBounds::DOCUMENT).map_err(|error| {
            let (path, why) = (path.display(), error.message);
            anyhow!("{path} is damaged; use another backup ({why})")
        })?;
        if manifest.format != FORMAT || manifest.schema_version > SCHEMA_VERSION {
            bail!(
                "{shown} was made by release {}, which is later than this one; restore it by that release",
                manifest.release
            );
        }
        Ok(manifest)
    }
}
