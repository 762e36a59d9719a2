//! A folder that comes into being under another name beside its place, and is there at once when it
//! is whole.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::files::{new_file, new_folder, sync_all};

/// Held while somebody works in the folder.
const LOCK: &str = "partial.lock";
/// From the making of a folder until its lock is held.
const LOCKED_WITHIN: Duration = Duration::from_mins(1);
/// What follows the name of the target.
pub(super) const SUFFIX: &str = ".partial";

pub(super) struct Staging {
    pub(super) path: PathBuf,
    target: PathBuf,
    _lock: File,
    is_done: bool,
}

impl Staging {
    /// Fails unless there is nothing at the target, or an empty folder. What an interrupted one
    /// left is removed.
    pub(super) fn begin(target: &Path) -> Result<Self> {
        check_free(target)?;
        let path = beside(target)?;
        let shown = path.display();
        clear_abandoned(&path)?;
        new_folder(&path).with_context(|| format!("cannot create {shown}"))?;
        let lock = new_file(&path.join(LOCK)).with_context(|| format!("cannot write {shown}"))?;
        lock.try_lock()
            .with_context(|| format!("{shown} is in use by another fluxgate process"))?;
        Ok(Self {
            path,
            target: target.to_owned(),
            _lock: lock,
            is_done: false,
        })
    }

    /// Everything is on disk before the folder has its name, and the name before this returns.
    pub(super) fn finish(mut self) -> Result<()> {
        let shown = self.target.display().to_string();
        let finish = || {
            std::fs::remove_file(self.path.join(LOCK))?;
            sync_all(&self.path)?;
            std::fs::rename(&self.path, &self.target)?;
            File::open(parent(&self.target))?.sync_all()
        };
        finish().with_context(|| format!("cannot create {shown}"))?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.is_done {
            // What stays is removed by whoever comes next.
            drop(std::fs::remove_dir_all(&self.path));
        }
    }
}

fn check_free(target: &Path) -> Result<()> {
    let shown = target.display();
    match std::fs::read_dir(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            bail!("{shown} is a file; name a folder that does not exist yet")
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => bail!("{shown} is not empty; name a folder that does not exist yet"),
        },
    }
}

fn clear_abandoned(path: &Path) -> Result<()> {
    let shown = path.display();
    let lock = match File::open(path.join(LOCK)) {
        Err(error) if error.kind() == ErrorKind::NotFound && !path.exists() => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        lock => Some(lock.with_context(|| format!("cannot read {shown}"))?),
    };
    if let Some(lock) = &lock {
        lock.try_lock()
            .with_context(|| format!("{shown} is in use by another fluxgate process"))?;
    }
    std::fs::remove_dir_all(path).with_context(|| {
        format!("{shown}, which was left by an interrupted run, cannot be removed")
    })
}

/// Removes what interrupted ones left for this target, unless somebody works in it.
pub(super) fn remove_leftover(target: &Path) -> Result<()> {
    let path = beside(target)?;
    match is_abandoned(&path) {
        true => clear_abandoned(&path),
        false => Ok(()),
    }
}

/// One without a lock may have been made just now.
fn is_abandoned(path: &Path) -> bool {
    if let Ok(lock) = File::open(path.join(LOCK)) {
        return lock.try_lock().is_ok();
    }
    let changed = path.metadata().and_then(|metadata| metadata.modified());
    changed.is_ok_and(|at| at.elapsed().is_ok_and(|age| age > LOCKED_WITHIN))
}

/// Where a folder for this target comes into being.
pub(super) fn beside(target: &Path) -> Result<PathBuf> {
    let name = target
        .file_name()
        .with_context(|| format!("{} names no folder", target.display()))?;
    let mut partial = name.to_owned();
    partial.push(SUFFIX);
    Ok(parent(target).join(partial))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
