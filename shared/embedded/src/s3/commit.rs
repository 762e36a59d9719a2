//! Making an upload visible, whole or not at all, and taking an object away.

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

use super::attributes::Attributes;
use super::folder::{Folder, Place};
use super::group_sync::GroupSync;

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Visible,
    /// The key was to be free and is not.
    Taken,
}

/// Object and attributes are two files: the lock makes them one to all who write. It is held over a few renames, never over
/// a sync. Who reads an object while it is replaced may see the attributes of the other; Fluxgate replaces none.
pub(super) struct CommitLock {
    lock: Mutex<()>,
    disk: GroupSync,
}

impl CommitLock {
    pub(super) fn new(folder: &Folder) -> io::Result<Self> {
        Ok(Self { lock: Mutex::default(), disk: GroupSync::start(&folder.incoming())? })
    }

    fn hold(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks. The attributes go first, so that an object is never seen without them; a crash in between leaves attributes
    /// of nothing, which the next upload replaces. Upload and attributes are on disk before they can be seen, so that after a
    /// power failure a visible object is a whole one; all of it is when this returns.
    pub(super) fn commit(
        &self,
        folder: &Folder,
        place: &Place,
        (upload, attributes): (TempPath, &Attributes),
        only_if_free: bool,
    ) -> io::Result<Committed> {
        let attributes = write(&folder.incoming(), attributes)?;
        make_parents(&place.bucket, &place.object)?;
        make_parents(&folder.attributes(), &place.attributes)?;
        self.disk.sync()?;
        let committed = {
            let _held = self.hold();
            publish(place, upload, attributes, only_if_free)?
        };
        // Also when the key was taken: whoever hears so may rely on the object as much as its creator.
        self.disk.sync()?;
        Ok(committed)
    }

    /// Blocks. An object that is not there is as good as removed.
    pub(super) fn remove(&self, place: &Place) -> io::Result<()> {
        let _held = self.hold();
        for path in [&place.object, &place.attributes] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

fn write(folder: &Path, attributes: &Attributes) -> io::Result<TempPath> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(attributes)?)?;
    Ok(file.into_temp_path())
}

fn publish(place: &Place, upload: TempPath, attributes: TempPath, only_if_free: bool) -> io::Result<Committed> {
    match std::fs::symlink_metadata(&place.object) {
        Ok(there) if there.is_dir() => return Err(ErrorKind::IsADirectory.into()),
        Ok(_) if only_if_free => return Ok(Committed::Taken),
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    attributes.persist(&place.attributes)?;
    upload.persist(&place.object)?;
    Ok(Committed::Visible)
}

/// Only what is missing is made, from the file upwards: the day's folder is there for all but the first of a day.
fn make_parents(base: &Path, file: &Path) -> io::Result<()> {
    let Some(parent) = file.parent().filter(|parent| *parent != base) else { return Ok(()) };
    match std::fs::create_dir(parent) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_parents(base, parent)?;
            make_parents(base, file)
        }
        made => made,
    }
}
