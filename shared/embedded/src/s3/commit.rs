//! Making an upload visible, whole or not at all, and taking an object away.

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

use super::attributes::Attributes;
use super::folder::{Folder, ObjectPath};
use super::receive::Bytes;

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Visible,
    /// The key was to be free and is not.
    Taken,
}

/// Object and attributes are two files: the lock makes them one to all who write. It is held over a
/// few renames, never over a sync. Who reads an object while it is replaced may see the attributes
/// of the other; Fluxgate replaces none.
#[derive(Default)]
pub(super) struct CommitLock(Mutex<()>);

/// An upload with its attributes, both written and neither visible.
pub(super) struct Prepared {
    object: TempPath,
    attributes: TempPath,
}

/// Blocks. What it wrote must be synced before it is published, so that after a power failure a
/// visible object is a whole one.
pub(super) fn prepare(
    folder: &Folder,
    place: &ObjectPath,
    bytes: Bytes,
    attributes: &Attributes,
) -> io::Result<Prepared> {
    let object = match bytes {
        Bytes::Memory(bytes) => write(&folder.incoming(), &bytes)?,
        Bytes::File(path) => path,
    };
    let attributes = write(&folder.incoming(), &serde_json::to_vec(attributes)?)?;
    make_parents(&place.bucket, &place.object)?;
    make_parents(&folder.attributes(), &place.attributes)?;
    Ok(Prepared { object, attributes })
}

impl CommitLock {
    fn hold(&self) -> MutexGuard<'_, ()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Blocks. The attributes go first, so that an object is never seen without them; a crash in
    /// between leaves attributes of nothing, which the next upload replaces. It must be synced
    /// before it is told, also when the key was taken: whoever hears so may rely on the object as
    /// much as its creator.
    pub(super) fn publish(
        &self,
        place: &ObjectPath,
        prepared: Prepared,
        only_if_free: bool,
    ) -> io::Result<Committed> {
        let _held = self.hold();
        match std::fs::symlink_metadata(&place.object) {
            Ok(there) if there.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(_) if only_if_free => return Ok(Committed::Taken),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        prepared.attributes.persist(&place.attributes)?;
        prepared.object.persist(&place.object)?;
        Ok(Committed::Visible)
    }

    /// Blocks. An object that is not there is as good as removed.
    pub(super) fn remove(&self, place: &ObjectPath) -> io::Result<()> {
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

fn write(folder: &Path, bytes: &[u8]) -> io::Result<TempPath> {
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    Ok(file.into_temp_path())
}

/// Only what is missing is made, from the file upwards: the day's folder is there for all but the
/// first of a day.
fn make_parents(base: &Path, file: &Path) -> io::Result<()> {
    let Some(parent) = file.parent().filter(|parent| *parent != base) else {
        return Ok(());
    };
    match std::fs::create_dir(parent) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            make_parents(base, parent)?;
            make_parents(base, file)
        }
        made => made,
    }
}
