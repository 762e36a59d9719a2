//! The file of keys: private, durable, and either the old one or the new one.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use fluxgate_core::seal::KeyRing;
use fluxgate_core::secret::Secret;
use fluxgate_core::{Error, Result};

/// The file's name.
pub(super) const NAME: &str = "encryption-keys.json";
/// The permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;

pub(super) struct KeyFile {
    folder: PathBuf,
    path: PathBuf,
    /// What errors name.
    shown: PathBuf,
}

/// Changes with every file that is put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    mode: u32,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            mode: metadata.mode(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl KeyFile {
    pub(super) fn of(folder: &Path) -> Self {
        Self::copied(folder, folder)
    }

    /// That of a folder which has it from another one. Errors name the other.
    pub(super) fn copied(folder: &Path, from: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            path: folder.join(NAME),
            shown: from.join(NAME),
        }
    }

    /// `None` for a file that is not there. A link is followed: its target is what others may read.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>> {
        match self.path.metadata() {
            Ok(metadata) => Ok(Some(Stamp::of(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed("read", error)),
        }
    }

    /// Refuses a file that others can read: it is not mended silently, since it may have been read.
    pub(super) fn read(&self) -> Result<KeyRing> {
        let metadata = match self.path.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(self.missing()),
            metadata => metadata.map_err(|error| self.failed("read", error))?,
        };
        let mode = metadata.permissions().mode() & 0o777;
        if mode & OTHERS != 0 {
            return Err(self.exposed(mode));
        }
        let text = std::fs::read(&self.path).map_err(|error| self.failed("read", error))?;
        let text = String::from_utf8(text).unwrap_or_default();
        KeyRing::parse(&Secret::new(text)).map_err(|error| {
            let why = error.message;
            let text = format!(
                "{} is damaged; restore it from a backup: {why}",
                self.shown.display()
            );
            Error::internal("encryption_keys_unreadable", text)
        })
    }

    /// Leaves the file of a process that was quicker.
    pub(super) fn create(&self, ring: &KeyRing) -> Result<()> {
        let temporary = self.written(ring)?;
        match temporary.persist_noclobber(&self.path) {
            Err(_) if self.path.exists() => Ok(()),
            Err(error) => Err(self.failed("written", error.error)),
            Ok(_) => self.sync_folder(),
        }
    }

    pub(super) fn replace(&self, ring: &KeyRing) -> Result<()> {
        // The target of a link is replaced, and not the link.
        let target = self
            .path
            .canonicalize()
            .map_err(|error| self.failed("written", error))?;
        let target = Self {
            folder: target.parent().unwrap_or(&self.folder).to_owned(),
            path: target,
            shown: self.shown.clone(),
        };
        let temporary = target.written(ring)?;
        temporary
            .persist(&target.path)
            .map_err(|error| self.failed("written", error.error))?;
        target.sync_folder()
    }

    fn written(&self, ring: &KeyRing) -> Result<tempfile::NamedTempFile> {
        let write = || {
            let mut temporary = tempfile::NamedTempFile::new_in(&self.folder)?;
            temporary.write_all(ring.to_secret().expose().as_bytes())?;
            temporary.as_file().sync_all()?;
            Ok(temporary)
        };
        write().map_err(|error| self.failed("written", error))
    }

    fn sync_folder(&self) -> Result<()> {
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| self.failed("written", error))
    }

    /// For a database that holds secrets.
    pub(super) fn missing(&self) -> Error {
        let text = format!(
            "{} is missing, and the database holds secrets that only its keys open; restore it from a backup. \
             Without it the secrets that callbacks are signed with, and the headers sent with them, are lost",
            self.shown.display()
        );
        Error::internal("encryption_keys_missing", text)
    }

    pub(super) fn wrong(&self, why: &Error) -> Error {
        let text = format!(
            "the keys in {} do not open the secrets in the database: they are of another data folder, or of another time; \
             restore the file that belongs to it from a backup ({})",
            self.shown.display(),
            why.message
        );
        Error::internal("encryption_keys_wrong", text)
    }

    fn exposed(&self, mode: u32) -> Error {
        let path = self.shown.display();
        let text = format!(
            "other users can access {path}, which has mode {mode:03o}; run 'chmod 600 {path}', \
             and then 'fluxgate encryption rotate' if somebody may have read it"
        );
        Error::internal("encryption_keys_exposed", text)
    }

    fn failed(&self, what: &str, error: std::io::Error) -> Error {
        let text = format!("{} cannot be {what}", self.shown.display());
        Error::internal("encryption_keys_unreadable", text).source(error)
    }
}
