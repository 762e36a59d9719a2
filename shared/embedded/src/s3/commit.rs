//! Making an upload visible, whole or not at all, and taking an object away.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

use super::attributes::Attributes;
use super::folder::{Folder, Place};

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Visible,
    /// The key was to be free and is not.
    Taken,
}

/// Object and attributes are two files: the lock makes them one to all who write. It is held over a few renames, never over
/// a sync. Who reads an object while it is replaced may see the attributes of the other; Fluxgate replaces none.
#[derive(Default)]
pub(super) struct CommitLock(Mutex<()>);

impl CommitLock {
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks. The attributes go first, so that an object is never seen without them; a crash in between leaves attributes
    /// of nothing, which the next upload replaces. On disk when it returns.
    pub(super) fn commit(
        &self,
        folder: &Folder,
        place: &Place,
        (upload, attributes): (TempPath, &Attributes),
        only_if_free: bool,
    ) -> io::Result<Committed> {
        let attributes = write(&folder.incoming(), attributes)?;
        let mut touched = make_parents(&place.bucket, &place.object)?;
        touched.extend(make_parents(&folder.attributes(), &place.attributes)?);
        let committed = {
            let _held = self.hold();
            publish(place, upload, attributes, only_if_free)?
        };
        // Also when the key was taken: whoever hears so may rely on the object as much as its creator.
        touched.iter().try_for_each(|folder| sync_folder(folder))?;
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
    file.as_file().sync_all()?;
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

/// The folders between `base` and the file. Returns those whose entries change, which a sync must reach.
fn make_parents(base: &Path, file: &Path) -> io::Result<Vec<PathBuf>> {
    let parent = file.parent().unwrap_or(base);
    let mut touched = Vec::new();
    let mut folder = base.to_owned();
    for name in parent.strip_prefix(base).unwrap_or(Path::new("")) {
        let next = folder.join(name);
        match std::fs::create_dir(&next) {
            Ok(()) => touched.push(folder),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        folder = next;
    }
    touched.push(folder);
    Ok(touched)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}
