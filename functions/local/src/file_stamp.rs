//! A file as it was when it was read, to see that it has changed since.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Its place, its length and its time.
pub(crate) type FileStamp = (u64, u64, u64, i64, i64);

/// Of the file that a path leads to now.
pub(crate) fn stamp(path: &Path) -> Result<FileStamp> {
    let metadata = path.metadata();
    let it = metadata.with_context(|| format!("cannot read {}", path.display()))?;
    Ok((it.dev(), it.ino(), it.len(), it.mtime(), it.mtime_nsec()))
}
