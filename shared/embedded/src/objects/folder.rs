//! The layout on disk. A bucket is a folder, which is empty but for objects of an older release and
//! files that somebody put there. The files of objects lie in a folder for each day, and their rows
//! name them.

use std::fs::File;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use fluxgate_core::digest;
use fluxgate_core::time::Timestamp;

use crate::sqlite::ObjectName;

/// Holds everything that is not a bucket. A bucket's name cannot start with a dot.
const PRIVATE: &str = ".fluxgate";
/// The limit of most file systems for one name.
const NAME_BYTES_MAX: usize = 255;
/// Extensions up to this length are kept, so that a file can be opened by who finds it.
const EXTENSION_BYTES_MAX: usize = 8;
/// The bits of a file's id below its time: so many files can be made in a millisecond.
const COUNT_BITS: u32 = 20;

/// Names an object's file: the millisecond in which it was made, and a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FileId(pub(crate) i64);

impl FileId {
    /// The lowest one of this millisecond.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(now.0.max(0) << COUNT_BITS)
    }

    /// When the file was made.
    pub(crate) fn time(self) -> Timestamp {
        Timestamp(self.0 >> COUNT_BITS)
    }

    /// The folder of the day on which the file was made.
    pub(super) fn day(self) -> String {
        self.time().date_path().replace('/', "-")
    }

    /// The path of the file of the object with this key, below the folder of all objects.
    pub(crate) fn file(self, key: &str) -> String {
        let id = format!("{}/{:016x}", self.day(), self.0);
        match key
            .rsplit('/')
            .next()
            .and_then(|name| name.rsplit_once('.'))
        {
            Some((_, extension)) if is_extension(extension) => format!("{id}.{extension}"),
            _ => id,
        }
    }

    /// `None` for a file that is none of ours.
    pub(super) fn of_file_name(name: &str) -> Option<Self> {
        let id = name.split('.').next()?;
        let is_id = id.len() == 16 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        i64::from_str_radix(id, 16).ok().filter(|_| is_id).map(Self)
    }
}

fn is_extension(text: &str) -> bool {
    (1..=EXTENSION_BYTES_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The folder of one installation's buckets.
pub(crate) struct Folder {
    pub(crate) root: PathBuf,
}

/// Where a file lies that has no row: an object of an older release, or a file put there by hand.
pub(super) struct PlainPath {
    pub(super) file: PathBuf,
    /// The attributes that an older release wrote.
    pub(super) attributes: PathBuf,
}

impl Folder {
    /// Creates what is missing, and removes the remains of interrupted uploads.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        create_private(root)?;
        let folder = Self {
            root: root.canonicalize()?,
        };
        match std::fs::remove_dir_all(folder.incoming()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(folder.incoming())?;
        std::fs::create_dir_all(folder.objects())?;
        sync_folder(&folder.root.join(PRIVATE))?;
        sync_folder(&folder.root)?;
        folder.root.parent().map_or(Ok(()), sync_folder)?;
        Ok(folder)
    }

    /// Large uploads and outputs are written here first, on the same file system as the objects, so
    /// that they are moved and not copied.
    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join(PRIVATE).join("incoming")
    }

    /// The folders of the days.
    pub(super) fn objects(&self) -> PathBuf {
        self.root.join(PRIVATE).join("objects")
    }

    pub(crate) fn has_bucket(&self, bucket: &str) -> bool {
        self.root.join(bucket).is_dir()
    }

    /// `None` for a key that cannot be a path inside its bucket. The bucket's name is valid.
    pub(super) fn plain(&self, name: &ObjectName) -> Option<PlainPath> {
        if !is_fit_key(&name.key) {
            return None;
        }
        // A digest, because a key may be longer than a file name.
        let digest = hex::encode(digest::sha256(name.key.as_bytes()));
        let attributes = self.root.join(PRIVATE).join("attributes");
        Some(PlainPath {
            file: self.root.join(&name.bucket).join(&name.key),
            attributes: attributes.join(&name.bucket).join(format!("{digest}.json")),
        })
    }
}

/// Whether a key is a path that stays where it is put: clients store objects as files.
pub(crate) fn is_fit_key(key: &str) -> bool {
    key.split('/').all(is_name)
}

fn is_name(name: &str) -> bool {
    let odd = |byte: u8| byte == 0 || byte == b'\\';
    !name.is_empty()
        && name != "."
        && name != ".."
        && name.len() <= NAME_BYTES_MAX
        && !name.bytes().any(odd)
}

/// Creates a bucket; an existing one is left alone. Any process may do so while a server uses the
/// folder.
pub fn create_bucket(root: &Path, name: &str) -> io::Result<()> {
    if !s3s::path::check_bucket_name(name) {
        let text = format!(
            "'{name}' is not a bucket name: 3 to 63 of a-z, 0-9, '-' and '.', starting and ending with a-z or 0-9"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    }
    create_private(root)?;
    std::fs::create_dir_all(root.join(name))?;
    sync_folder(root)
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Only the owner may read tenants' pictures.
fn create_private(root: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_s_name_says_its_day_its_id_and_its_kind() {
        let id = FileId(FileId::at(Timestamp(1_787_618_961_479)).0 + 5);

        let file = id.file("flux/2026/0.png");

        assert_eq!(file, format!("2026-08-25/{:016x}.png", id.0));
        assert_eq!(id.time(), Timestamp(1_787_618_961_479));
        let name = file.split_once('/').unwrap().1;
        assert_eq!(FileId::of_file_name(name), Some(id));
        for odd in ["a", "a.b/c", "a.", "a.<b>", "a.longerthan8"] {
            assert!(id.file(odd).ends_with(&format!("{:016x}", id.0)), "{odd}");
        }
        for strange in ["notes.txt", "", "1a03661bd6c7000G", "+a03661bd6c70005"] {
            assert_eq!(FileId::of_file_name(strange), None, "{strange}");
        }
    }
}
