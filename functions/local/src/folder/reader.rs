//! A data folder as commands read it that change nothing: beside a server that is not disturbed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use fluxgate_core::bounds::Bounds;
use fluxgate_core::port::SystemClock;
use fluxgate_embedded::SqliteStore;

use super::check_is_one;
use super::notes::bounds_of_commands;

/// A folder that is there, opened to be read: nothing in it is made, locked or mended.
pub struct FolderReader {
    pub path: PathBuf,
    pub store: SqliteStore,
    pub(crate) bounds: Arc<Bounds>,
}

impl FolderReader {
    /// Fails with one line that names the folder.
    pub fn open(path: &Path) -> Result<Self> {
        check_is_one(path)?;
        let store = SqliteStore::open_to_read(path, Arc::new(SystemClock))
            .with_context(|| format!("the data folder {} cannot be read", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            store,
            bounds: Arc::new(bounds_of_commands(path)?),
        })
    }
}
