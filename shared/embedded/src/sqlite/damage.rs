//! Whether SQLite has found the database damaged. It does not mend itself: told once in the log,
//! and from then on to whoever asks.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use fluxgate_core::Result;

use super::error::CORRUPT;

pub(super) struct Damage {
    folder: PathBuf,
    is_found: AtomicBool,
}

impl Damage {
    pub(super) fn of(database: &Path) -> Self {
        Self {
            folder: database.parent().unwrap_or(Path::new(".")).to_owned(),
            is_found: AtomicBool::new(false),
        }
    }

    /// The answer of a read or a write, as it is.
    pub(super) fn see<T>(&self, answer: Result<T>) -> Result<T> {
        if let Err(error) = &answer
            && error.code == CORRUPT
            && !self.is_found.swap(true, Ordering::Relaxed)
        {
            let folder = self.folder.display();
            tracing::error!(
                %folder,
                error = error.with_causes(),
                "the database is damaged, and /readyz answers 503 from now on; stop this server, run 'fluxgate restore BACKUP --data NEW_FOLDER', \
                 and serve that; 'fluxgate doctor --full' tells what is damaged"
            );
        }
        answer
    }

    pub(super) fn is_found(&self) -> bool {
        self.is_found.load(Ordering::Relaxed)
    }
}
