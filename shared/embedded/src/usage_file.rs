//! Usage events as lines of one file, which grows at its end.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fluxgate_core::port::{UsageBatch, UsageSink};
use fluxgate_core::usage::LINE_START;
use fluxgate_core::{Error, Result};

/// A line has about half a kilobyte.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// [`UsageSink`] on a file. Several processes may write it: each batch is written under the file's lock, and whatever a crash left
/// of a line is cut off before.
#[derive(Debug)]
pub struct FileUsageSink {
    path: PathBuf,
    place: String,
}

impl FileUsageSink {
    /// Makes the file when there is none. Kind `Invalid` when it is no regular file, or cannot be one.
    pub fn open(path: &Path) -> Result<Self> {
        let unusable = |error| {
            let text = format!("{} cannot be written; name a file in a folder that exists", path.display());
            Error::invalid("export_file", text).source(error)
        };
        let file = open(path).map_err(unusable)?;
        if !file.metadata().map_err(unusable)?.is_file() {
            return Err(Error::invalid("export_file", format!("{} is no regular file; name one", path.display())));
        }
        // Progress is filed under the one name that the file has by whatever way it was named.
        let path = path.canonicalize().map_err(unusable)?;
        Ok(Self { place: format!("file:{}", path.display()), path })
    }
}

#[async_trait]
impl UsageSink for FileUsageSink {
    fn place(&self) -> &str {
        &self.place
    }

    async fn take(&self, batch: UsageBatch) -> Result<()> {
        let path = self.path.clone();
        let written = tokio::task::spawn_blocking(move || append(&path, &batch.lines)).await;
        written.map_err(|error| Error::internal("export_file", "the writing of an export ended early").source(error))?
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// On disk when it returns. The lock goes with the file.
fn append(path: &Path, lines: &[u8]) -> Result<()> {
    let failed = |error| {
        let text = format!("{} cannot be written; look at its permissions and the disk's free space", path.display());
        Error::unavailable("export_file", text).source(error)
    };
    let mut file = open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let torn = torn(&mut file, bytes).map_err(failed)?;
    if !is_ours(&torn) {
        let text = format!("{} ends in what is no usage event; name another file", path.display());
        return Err(Error::invalid("export_file_foreign", text));
    }
    let end = bytes - torn.len() as u64;
    file.set_len(end).map_err(failed)?;
    file.seek(SeekFrom::Start(end)).map_err(failed)?;
    file.write_all(lines).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    match path.parent().filter(|_| bytes == 0) {
        // A new file's name is on disk only with its folder.
        Some(folder) => File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed),
        None => Ok(()),
    }
}

/// What follows the last newline, as far back as a line may reach.
fn torn(file: &mut File, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(bytes.saturating_sub(LINE_BYTES_MAX)))?;
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    Ok(tail.split_off(whole))
}

/// True for the beginning of one of our lines, however short: nothing else is ever cut off.
fn is_ours(torn: &[u8]) -> bool {
    let start = LINE_START.as_bytes();
    torn.starts_with(start) || start.starts_with(torn)
}
