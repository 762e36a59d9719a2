//! Making an upload visible atomically, and removing an object.

use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{NamedTempFile, TempPath};

use super::attributes::Attributes;
use super::folder::{Folder, ObjectPath};
use super::receive::Bytes;

/// The result of publishing an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Committed {
    Visible,
    /// The key had to be free and is not.
    Taken,
}

/// An object and its attributes are two files: the lock makes them one for all writers. It is held
/// for a few renames, never during a sync. A reader may see one object with the other's attributes
/// while it is replaced; Fluxgate never replaces an object.
#[derive(Default)]
pub(super) struct CommitLock(Mutex<()>);

/// An upload and its attributes, both written but not yet visible.
pub(super) struct Prepared {
    object: TempPath,
    attributes: TempPath,
}

/// Blocks. What it wrote must be synced before it is published, so that a visible object is
/// complete even after a power failure.
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

    /// Blocks. The attributes are renamed first, so that an object never appears without them; a
    /// crash in between leaves attributes without an object, which the next upload replaces. It
    /// must be synced before the result is reported, also if the key was taken: the caller may rely
    /// on the object as much as its creator.
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

    /// Blocks. Removing an object that does not exist succeeds.
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

/// Only missing folders are created, from the file upwards: the day's folder exists except for the
/// day's first object.
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
