//! The keys that secrets in a data folder are sealed with: in a file of their own, so that a copy
//! of the database gives no secret away.

mod check;
mod file;
mod links;

use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::port::errors::encryption_keys_changed;
use fluxgate_core::port::{Entropy as _, KeyRings, SystemEntropy};
use fluxgate_core::seal::KeyRing;

use check::Check;
use file::{KeyFile, Stamp};
pub(crate) use links::{capability, text_of};

/// How long a process may take from reading the ring to having written what it sealed. The ring
/// itself is never old: the file is looked at each time.
const SETTLES_MS: u64 = 3_000;

/// Where the keys of a folder lie.
pub(crate) fn path(folder: &Path) -> std::path::PathBuf {
    folder.join(file::NAME)
}

/// Makes the keys of a folder that has none and needs none yet, and refuses those that do not open
/// what its database holds. Fails with one line that names the file and says how to mend it.
pub(crate) fn open(folder: &Path) -> Result<()> {
    let (file, check) = (KeyFile::of(folder), Check::of(folder));
    if !check.is_there()? {
        if file.stamp()?.is_none() {
            if check.is_missed()? {
                return Err(file.missing());
            }
            let mut random = [0; 32];
            SystemEntropy.fill(&mut random);
            file.create(&KeyRing::fresh(random))?;
        }
        check.write_first(&file.read()?)?;
    }
    checked(&file, &check).map(drop)
}

/// Whether the keys of a folder that is there open what its database holds, as [`open`] asks; makes
/// none.
pub(crate) fn verify(folder: &Path) -> Result<()> {
    verify_copied(folder, folder)
}

/// The same for keys that the folder has from another one, which is what errors name.
pub(crate) fn verify_copied(folder: &Path, from: &Path) -> Result<()> {
    let (file, check) = (KeyFile::copied(folder, from), Check::of(folder));
    if check.is_there()? || check.is_missed()? {
        checked(&file, &check)?;
    }
    Ok(())
}

fn checked(file: &KeyFile, check: &Check) -> Result<KeyRing> {
    let ring = file.read()?;
    check.is_opened_by(&ring).map_err(|why| file.wrong(&why))?;
    Ok(ring)
}

/// The ring of a folder, as the file has it now. What a command reads while a server runs, and what
/// a rotation writes, is seen by everybody.
pub(crate) struct FolderKeyRing {
    file: KeyFile,
    check: Check,
    read: Mutex<Option<Read>>,
}

/// What the file held when it was read last.
struct Read {
    stamp: Stamp,
    ring: Arc<KeyRing>,
    /// The file has gone or become unusable since, and that was logged.
    is_lost: bool,
}

impl FolderKeyRing {
    pub(crate) fn of(folder: &Path) -> Self {
        Self {
            file: KeyFile::of(folder),
            check: Check::of(folder),
            read: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Read>> {
        self.read
            .lock()
            .expect("no code panics while it holds the ring")
    }

    /// Parsed once for each file that was there.
    fn current(&self, read: &mut Option<Read>) -> Result<Arc<KeyRing>> {
        let stamp = self.stamp()?;
        if let Some(known) = read.as_ref().filter(|known| known.stamp == stamp) {
            return Ok(known.ring.clone());
        }
        let now = self.read()?;
        Ok(read.insert(now).ring.clone())
    }

    /// What is read is never older than its stamp.
    fn read(&self) -> Result<Read> {
        Ok(Read {
            stamp: self.stamp()?,
            ring: Arc::new(checked(&self.file, &self.check)?),
            is_lost: false,
        })
    }

    fn stamp(&self) -> Result<Stamp> {
        self.file.stamp()?.ok_or_else(|| self.file.missing())
    }
}

#[async_trait]
impl KeyRings for FolderKeyRing {
    /// A file that is lost under a running server costs no callback: the last ring stays in use.
    async fn ring(&self) -> Result<Arc<KeyRing>> {
        let mut read = self.lock();
        let error = match self.current(&mut read) {
            Ok(ring) => return Ok(ring),
            Err(error) => error,
        };
        let Some(known) = read.as_mut() else {
            return Err(error);
        };
        if !std::mem::replace(&mut known.is_lost, true) {
            let error = error.with_causes();
            tracing::error!(
                error,
                "the encryption keys are lost; this process goes on with those it read before, and the next start fails"
            );
        }
        Ok(known.ring.clone())
    }

    async fn ring_now(&self) -> Result<Arc<KeyRing>> {
        let now = self.read()?;
        Ok(self.lock().insert(now).ring.clone())
    }

    async fn ring_stored(&self) -> Result<Arc<KeyRing>> {
        self.ring_now().await
    }

    /// Only whoever serves the folder or holds its lock calls this. Wherever it is interrupted, the
    /// file that is there opens the check that is there.
    async fn replace(&self, before: &KeyRing, after: &KeyRing) -> Result<()> {
        let mut read = self.lock();
        let now = checked(&self.file, &self.check)?;
        if !now.is_same(before) {
            return Err(encryption_keys_changed());
        }
        *read = None;
        if now.has_key(after.active()) {
            self.check.write(after)?;
            self.file.replace(after)?;
        } else {
            self.file.replace(after)?;
            self.check.write(after)?;
        }
        if after.old_keys().is_empty() {
            self.check.forget_log()?;
        }
        Ok(())
    }

    fn settles_ms(&self) -> u64 {
        SETTLES_MS
    }
}
