//! Private copies of files, with their digests.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use fluxgate_core::digest::RunningSha256;

const BUFFER_BYTES: usize = 256 * 1024;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digested {
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// A file that only its owner can read. It must not be there.
pub(super) fn new_file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// A folder that only its owner can read, and those above it.
pub(super) fn new_folder(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

pub(super) fn copy(from: &Path, to: &Path) -> io::Result<Digested> {
    pass(File::open(from)?, &mut new_file(to)?)
}

pub(super) fn digest(file: &Path) -> io::Result<Digested> {
    pass(File::open(file)?, &mut io::sink())
}

/// A file of a backup that is not there, or cannot be read or copied.
pub(super) fn unreadable(backup: &Path, name: &str, error: io::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::NotFound => anyhow::anyhow!(
            "{} is incomplete: it lacks {name}; use another backup",
            backup.display()
        ),
        _ => anyhow::Error::new(error)
            .context(format!("cannot copy {}", backup.join(name).display())),
    }
}

fn pass(mut from: impl Read, to: &mut impl Write) -> io::Result<Digested> {
    let (mut running, mut bytes) = (RunningSha256::default(), 0);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(some) => {
                running.update(&buffer[..some]);
                to.write_all(&buffer[..some])?;
                bytes += some as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let sha256 = hex::encode(running.finish());
    Ok(Digested { bytes, sha256 })
}

/// Returns once everything below the folder is on disk.
#[cfg(target_os = "linux")]
pub(super) fn sync_all(folder: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

/// Returns once everything below the folder is on disk.
#[cfg(not(target_os = "linux"))]
pub(super) fn sync_all(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => sync_all(&entry.path())?,
            false => File::open(entry.path())?.sync_all()?,
        }
    }
    File::open(folder)?.sync_all()
}
