//! The admin token of a data folder, in a file of its own, so that deleting it makes a new one and
//! nothing else.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use fluxgate_core::port::FolderToken;
use fluxgate_core::secret::Secret;

use super::{made_once, random};

/// The file's name.
const ADMIN_TOKEN: &str = "admin-token";

/// The file of a folder.
pub(super) struct TokenFile {
    folder: PathBuf,
}

/// The token; made if there is none.
pub(super) fn open(folder: &Path) -> Result<Secret> {
    let token = made_once(folder, ADMIN_TOKEN, || Ok(format!("fga_{}\n", random(32))))?;
    if token.trim().is_empty() {
        bail!(
            "{} is empty; delete it to have a new one created",
            folder.join(ADMIN_TOKEN).display()
        );
    }
    Ok(Secret::new(token.trim()))
}

impl TokenFile {
    pub(super) fn of(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.join(ADMIN_TOKEN)
    }

    /// The old token or the new one is there, whole, whenever the machine stops.
    fn write(&self, token: &Secret) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        writeln!(file, "{}", token.expose())?;
        file.as_file().sync_all()?;
        file.persist(self.path())?;
        Ok(std::fs::File::open(&self.folder)?.sync_all()?)
    }
}

fn unusable(doing: &str, path: &Path, why: impl std::fmt::Display) -> fluxgate_core::Error {
    let text = format!("cannot {doing} {}: {why}", path.display());
    fluxgate_core::Error::unavailable("data_folder", text)
}

#[async_trait]
impl FolderToken for TokenFile {
    async fn read(&self) -> fluxgate_core::Result<Option<Secret>> {
        let path = self.path();
        match std::fs::read_to_string(&path) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Ok(Some(Secret::new(text.trim()))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unusable("read", &path, error)),
        }
    }

    async fn replace(&self, token: &Secret) -> fluxgate_core::Result<()> {
        let written = self.write(token).context("the admin token");
        written.map_err(|error| unusable("write", &self.path(), format_args!("{error:#}")))
    }
}
