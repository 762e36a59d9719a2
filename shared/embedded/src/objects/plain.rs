//! Objects without a row: those of an older release, whose attributes are in a file of their own,
//! and files that somebody put into a bucket's folder. They are read, listed and removed where they
//! lie; none is written.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::Path;

use fluxgate_core::json::{self, JsonBounds};
use fluxgate_core::time::Timestamp;

use super::folder::{Folder, PlainPath};
use super::{Attributes, Found};
use crate::sqlite::ObjectName;

/// A plain file in a listing.
pub(super) struct PlainFile {
    pub(super) bytes: u64,
    pub(super) modified: Timestamp,
}

pub(super) fn find(folder: &Folder, name: &ObjectName) -> io::Result<Option<Found>> {
    let Some(path) = folder.plain(name) else {
        return Ok(None);
    };
    let Some(there) = absent(std::fs::metadata(&path.file))?.filter(std::fs::Metadata::is_file)
    else {
        return Ok(None);
    };
    Ok(Some(Found {
        bytes: there.len(),
        modified: there.modified().map(moment)?,
        attributes: attributes(&path)?,
        path: path.file,
    }))
}

fn attributes(path: &PlainPath) -> io::Result<Attributes> {
    match absent(std::fs::read(&path.attributes))? {
        Some(text) => json::read(&text, JsonBounds::DOCUMENT).map_err(io::Error::other),
        None => Ok(Attributes::default()),
    }
}

/// Removing what is not there succeeds.
pub(super) fn remove(folder: &Folder, name: &ObjectName) -> io::Result<()> {
    let Some(path) = folder.plain(name) else {
        return Ok(());
    };
    for path in [&path.file, &path.attributes] {
        absent(std::fs::remove_file(path))?;
    }
    Ok(())
}

/// The files of a bucket whose keys begin with the prefix.
pub(super) fn list(
    folder: &Folder,
    bucket: &str,
    prefix: &str,
) -> io::Result<BTreeMap<String, PlainFile>> {
    let root = folder.root.join(bucket);
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        let Some(entries) = absent(std::fs::read_dir(&folder))? else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let Some(key) = key_of(&root, &path) else {
                continue;
            };
            let Some(there) = absent(std::fs::metadata(&path))? else {
                continue;
            };
            if there.is_dir() && leads_to(&format!("{key}/"), prefix) {
                folders.push(path);
            } else if there.is_file() && key.starts_with(prefix) {
                let modified = there.modified().map(moment)?;
                let bytes = there.len();
                found.insert(key, PlainFile { bytes, modified });
            }
        }
    }
    Ok(found)
}

fn key_of(root: &Path, path: &Path) -> Option<String> {
    Some(path.strip_prefix(root).ok()?.to_str()?.to_owned())
}

/// Whether keys in this folder may begin with the prefix.
fn leads_to(folder: &str, prefix: &str) -> bool {
    folder.starts_with(prefix) || prefix.starts_with(folder)
}

fn absent<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn moment(time: std::time::SystemTime) -> Timestamp {
    let since = time
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
