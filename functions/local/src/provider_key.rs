//! The provider's key: of a variable, or of a file, which is read again when it has changed. The
//! key before stays in use while the file is unusable.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use fluxgate_core::secret::Secret;
use fluxgate_outbound::{ApiKey, check_api_key};

use crate::file_stamp::{FileStamp, stamp};

const VARIABLE: &str = "WAVESPEED_API_KEY";
const FILE_VARIABLE: &str = "WAVESPEED_API_KEY_FILE";

/// Shared by those who use it.
#[derive(Debug, Clone)]
pub struct ProviderKey {
    known: Arc<Mutex<Known>>,
    file: Option<PathBuf>,
}

#[derive(Debug)]
struct Known {
    secret: Secret,
    /// The file when it was read; none if it could not be, or is to be read in any case.
    seen: Option<FileStamp>,
}

/// One that never changes.
impl From<Secret> for ProviderKey {
    fn from(secret: Secret) -> Self {
        let known = Known { secret, seen: None };
        Self {
            known: Arc::new(Mutex::new(known)),
            file: None,
        }
    }
}

impl ProviderKey {
    /// What the variable says, or the file that the variable with `_FILE` names; `None` where
    /// neither says anything. Both together are refused.
    pub(crate) fn of_environment() -> Result<Option<Self>> {
        let said = |name: &str| {
            let text = std::env::var(name).ok();
            text.filter(|text| !text.trim().is_empty())
        };
        match (said(VARIABLE), said(FILE_VARIABLE)) {
            (Some(_), Some(_)) => {
                bail!("both {VARIABLE} and {FILE_VARIABLE} are set; set one of them")
            }
            (Some(text), None) => Ok(Some(Secret::new(text).into())),
            (None, Some(path)) => Self::of_file(path.into()).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn of_file(path: PathBuf) -> Result<Self> {
        let seen = stamp(&path).ok();
        let known = Known {
            secret: read(&path)?,
            seen,
        };
        Ok(Self {
            known: Arc::new(Mutex::new(known)),
            file: Some(path),
        })
    }

    /// How to give this installation another one.
    pub(crate) fn mend(&self) -> &'static str {
        match self.file {
            Some(_) => {
                "put a key that is valid there into the file that WAVESPEED_API_KEY_FILE names"
            }
            None => "set WAVESPEED_API_KEY to a key that is valid there",
        }
    }

    /// The one that is in use. Looks at the file, which is no more than a call of the system unless
    /// it has changed.
    pub(crate) fn secret(&self) -> Secret {
        let mut known = self.known();
        if let Some(path) = &self.file {
            known.follow(path);
        }
        known.secret.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn follow(&mut self, path: &Path) {
        let now = stamp(path).ok();
        if now.is_some() && now == self.seen {
            return;
        }
        let was_unusable = std::mem::replace(&mut self.seen, now).is_none() && now.is_none();
        match read_again(path) {
            Ok(secret) if secret.expose() == self.secret.expose() => {}
            Ok(secret) => {
                self.secret = secret;
                tracing::info!(file = %path.display(), "the provider's key was read again");
            }
            Err(_) if was_unusable => {}
            Err(error) => tracing::error!(
                error = format!("{error:#}"),
                "the provider's key cannot be read again; the one before stays in use"
            ),
        }
    }
}

/// A pipe is read once: it would wait for a writer for ever.
fn read_again(path: &Path) -> Result<Secret> {
    if path.exists() && !path.is_file() {
        bail!(
            "{FILE_VARIABLE} names {}, which is not a regular file",
            path.display()
        );
    }
    read(path)
}

fn read(path: &Path) -> Result<Secret> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{FILE_VARIABLE} names {shown}, which cannot be read"))?;
    if text.trim().is_empty() {
        bail!("{FILE_VARIABLE} names {shown}, which is empty");
    }
    let secret = Secret::new(text.trim());
    check_api_key(&secret).with_context(|| format!("{FILE_VARIABLE} names {shown}"))?;
    Ok(secret)
}

#[async_trait]
impl ApiKey for ProviderKey {
    async fn current(&self) -> fluxgate_core::Result<Secret> {
        Ok(self.secret())
    }

    /// A file system may be too coarse to show a change.
    async fn refused(&self) {
        self.known().seen = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_read_again_when_it_has_changed_and_the_last_usable_key_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("key"), folder.path().join("next"));
        std::fs::write(&path, "first-key\n").unwrap();
        let key = ProviderKey::of_file(path.clone()).unwrap();
        let used = || key.secret().expose().to_owned();
        assert_eq!(used(), "first-key");

        std::fs::write(&next, "second-key\n").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_eq!(used(), "second-key");

        for unusable in ["", " \n", "two\nlines"] {
            std::fs::write(&path, unusable).unwrap();
            assert_eq!(used(), "second-key", "{unusable:?}");
        }
        std::fs::remove_file(&path).unwrap();
        assert_eq!(used(), "second-key");

        std::fs::write(&path, "third-key").unwrap();
        assert_eq!(used(), "third-key");
        key.refused().await;
        assert_eq!(used(), "third-key");
    }

    #[test]
    fn a_file_that_is_missing_or_empty_is_refused_with_its_variable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        for text in [None, Some("\n"), Some("two\nlines")] {
            if let Some(text) = text {
                std::fs::write(&path, text).unwrap();
            }
            let why = ProviderKey::of_file(path.clone()).unwrap_err();
            let why = format!("{why:#}");
            assert!(why.contains("WAVESPEED_API_KEY_FILE names /"), "{why}");
        }
    }
}
