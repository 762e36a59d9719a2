//! The keys that links are signed with, in the file of the folder's secrets.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use fluxgate_core::app::Capability;
use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::port::KeyRings;
use fluxgate_core::port::errors::capability_keys_changed;
use fluxgate_core::seal::KeyRing;
use fluxgate_core::secret::Secret;
use fluxgate_core::webhook::KeyForm;
use fluxgate_core::{Error, Result};
use serde_json::{Map, Value};

use crate::folder::{SECRETS, secrets_file};

/// The field that holds them: one key, or a ring once they were rotated.
const FIELD: &str = "capability";

/// How long a process may take from reading the keys to having handed out what it signed. The keys
/// themselves are never old: the file is looked at each time.
const SETTLES_MS: u64 = 3_000;

/// The keys of a folder, as its file has them now.
struct FolderCapability {
    path: PathBuf,
    read: Mutex<Option<(Stamp, Arc<KeyRing>)>>,
}

/// Changes with every file that is put there.
type Stamp = (u64, u64, i64, i64);

/// What signs the links of a folder.
pub(crate) fn capability(folder: &Path) -> Result<Capability> {
    let rings = FolderCapability {
        path: folder.join(SECRETS),
        read: Mutex::default(),
    };
    let ring = rings.current()?;
    Capability::of(Arc::new(rings), ring, KeyForm::Hex)
}

/// The text of a key or of a ring.
pub(crate) fn text_of(value: &Value) -> Secret {
    match value {
        Value::String(text) => Secret::new(text.clone()),
        other => Secret::new(other.to_string()),
    }
}

impl FolderCapability {
    /// Parsed once for each file that was there.
    fn current(&self) -> Result<Arc<KeyRing>> {
        let stamp = self.stamp()?;
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, ring)) = &*read
            && *known == stamp
        {
            return Ok(ring.clone());
        }
        let ring = Arc::new(KeyRing::of_links(&text_of(&self.file()?[FIELD]))?);
        *read = Some((stamp, ring.clone()));
        Ok(ring)
    }

    fn stamp(&self) -> Result<Stamp> {
        let it = self.path.metadata().map_err(|error| self.failed(error))?;
        Ok((it.ino(), it.len(), it.mtime(), it.mtime_nsec()))
    }

    fn file(&self) -> Result<Map<String, Value>> {
        let text = std::fs::read(&self.path).map_err(|error| self.failed(error))?;
        let file: Map<String, Value> =
            json::read(&text, JsonBounds::DOCUMENT).map_err(|error| self.failed(error))?;
        match file.contains_key(FIELD) {
            true => Ok(file),
            false => Err(self.failed(format!("'{FIELD}' is missing"))),
        }
    }

    fn failed(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
    ) -> Error {
        let text = format!(
            "{} cannot be used; restore it from a backup",
            self.path.display()
        );
        Error::internal("capability_keys_unreadable", text).source(error)
    }
}

#[async_trait]
impl KeyRings for FolderCapability {
    async fn ring(&self) -> Result<Arc<KeyRing>> {
        self.current()
    }

    async fn ring_now(&self) -> Result<Arc<KeyRing>> {
        self.current()
    }

    async fn ring_stored(&self) -> Result<Arc<KeyRing>> {
        self.current()
    }

    /// Only whoever serves the folder or holds its lock calls this.
    async fn replace(&self, before: &KeyRing, after: &KeyRing) -> Result<()> {
        let mut file = self.file()?;
        if !KeyRing::of_links(&text_of(&file[FIELD]))?.is_same(before) {
            return Err(capability_keys_changed());
        }
        let ring: Value = json::read(after.to_secret().expose().as_bytes(), JsonBounds::DOCUMENT)?;
        file.insert(FIELD.to_owned(), ring);
        let text = serde_json::to_string_pretty(&file).map_err(|error| self.failed(error))?;
        secrets_file::replace(&self.path, &text).map_err(|error| self.failed(error))
    }

    fn settles_ms(&self) -> u64 {
        SETTLES_MS
    }
}
