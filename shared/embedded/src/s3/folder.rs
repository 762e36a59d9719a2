//! The layout on disk: a bucket is a folder, an object is a plain file in it, and its attributes
//! are a separate file.

use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use fluxgate_core::digest;

/// Holds everything that is not an object. A bucket's name cannot start with a dot.
const PRIVATE: &str = ".fluxgate";
/// The limit of most file systems for one name.
const NAME_BYTES_MAX: usize = 255;

/// The folder of one server.
pub(super) struct Folder {
    pub(super) root: PathBuf,
}

/// The paths of one object.
#[derive(Debug)]
pub(super) struct ObjectPath {
    pub(super) bucket: PathBuf,
    pub(super) object: PathBuf,
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
        std::fs::create_dir_all(folder.attributes())?;
        Ok(folder)
    }

    /// Uploads are written here first, on the same file system as the buckets, so that a rename
    /// publishes them atomically.
    pub(super) fn incoming(&self) -> PathBuf {
        self.root.join(PRIVATE).join("incoming")
    }

    pub(super) fn attributes(&self) -> PathBuf {
        self.root.join(PRIVATE).join("attributes")
    }

    pub(super) fn has_bucket(&self, bucket: &str) -> bool {
        self.root.join(bucket).is_dir()
    }

    /// `None` for a key that cannot be a path inside its bucket. The bucket's name is valid: s3s
    /// has checked it.
    pub(super) fn locate(&self, bucket: &str, key: &str) -> Option<ObjectPath> {
        if !key.split('/').all(is_name) {
            return None;
        }
        // A digest, because a key may be longer than a file name.
        let name = format!("{}.json", hex::encode(digest::sha256(key.as_bytes())));
        let attributes = self.attributes().join(bucket).join(name);
        let bucket = self.root.join(bucket);
        Some(ObjectPath {
            object: bucket.join(key),
            bucket,
            attributes,
        })
    }
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
    std::fs::create_dir_all(root.join(name))
}

/// Only the owner may read tenants' pictures.
fn create_private(root: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(root)
}
