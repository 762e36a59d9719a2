//! Usage events as lines of one append-only file.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use fluxgate_core::metering::usage::LINE_START;
use fluxgate_core::port::{UsageBatch, UsageSink};
use fluxgate_core::{Error, Result};

/// A line has about 500 bytes.
const LINE_BYTES_MAX: u64 = 64 * 1024;
/// What the name of a place that is a file begins with.
const PLACE: &str = "file:";

/// [`UsageSink`] on a file. Several processes may write it: each batch is appended under the file's
/// lock, after truncating a line that a crash left incomplete.
#[derive(Debug)]
pub struct FileUsageSink {
    path: PathBuf,
    place: String,
}

impl FileUsageSink {
    /// The file that an export of before went to, whether or not it is still there. Makes nothing.
    pub fn of(path: &Path) -> Self {
        let in_folder = || {
            let folder = match path.parent() {
                Some(folder) if folder != Path::new("") => folder,
                _ => Path::new("."),
            };
            Some(folder.canonicalize().ok()?.join(path.file_name()?))
        };
        let place = path.canonicalize().ok().or_else(in_folder);
        Self::at(place.unwrap_or_else(|| path.to_owned()))
    }

    fn at(path: PathBuf) -> Self {
        Self {
            place: format!("{PLACE}{}", path.display()),
            path,
        }
    }

    /// Creates the file if there is none. Kind `Invalid` if it is not a regular file, or cannot be
    /// created.
    pub fn open(path: &Path) -> Result<Self> {
        let unusable = |error| {
            let text = format!(
                "cannot write {}; name a file in a folder that exists",
                path.display()
            );
            Error::invalid("export_file", text).source(error)
        };
        let file = open(path).map_err(unusable)?;
        if !file.metadata().map_err(unusable)?.is_file() {
            return Err(Error::invalid(
                "export_file",
                format!("{} is not a regular file; name one", path.display()),
            ));
        }
        // Progress is stored under the canonical path, whatever path was given.
        let path = path.canonicalize().map_err(unusable)?;
        Ok(Self::at(path))
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
        written.map_err(|error| {
            Error::internal(
                "export_file",
                "the task that writes the export stopped early",
            )
            .source(error)
        })?
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(path)
}

/// On disk when it returns. The lock is released with the file.
fn append(path: &Path, lines: &[u8]) -> Result<()> {
    let failed = |error| {
        let text = format!(
            "cannot write {}; check its permissions and the disk's free space",
            path.display()
        );
        Error::unavailable("export_file", text).source(error)
    };
    let mut file = open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let torn = torn(&mut file, bytes).map_err(failed)?;
    if !is_ours(&torn) {
        let text = format!(
            "the last line of {} is not a usage event; name another file",
            path.display()
        );
        return Err(Error::invalid("export_file_foreign", text));
    }
    let end = bytes - torn.len() as u64;
    file.set_len(end).map_err(failed)?;
    file.seek(SeekFrom::Start(end)).map_err(failed)?;
    file.write_all(lines).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    match path.parent().filter(|_| bytes == 0) {
        // A new file's name is durable only once its folder is synced.
        Some(folder) => File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed),
        None => Ok(()),
    }
}

/// What follows the last newline, as far back as a line can reach.
fn torn(file: &mut File, bytes: u64) -> std::io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(bytes.saturating_sub(LINE_BYTES_MAX)))?;
    file.read_to_end(&mut tail)?;
    let whole = tail
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |newline| newline + 1);
    Ok(tail.split_off(whole))
}

/// True for the start of one of our lines, however short: nothing else is ever truncated.
fn is_ours(torn: &[u8]) -> bool {
    let start = LINE_START.as_bytes();
    torn.starts_with(start) || start.starts_with(torn)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(lines: &str) -> UsageBatch {
        UsageBatch {
            name: "acme/first-last".to_owned(),
            lines: lines.to_owned().into(),
        }
    }

    fn event(id: &str) -> String {
        format!("{LINE_START}{id}\"}}\n")
    }

    #[tokio::test]
    async fn a_line_that_a_crash_cut_off_is_taken_away_before_the_next_batch() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.jsonl");
        let sink = FileUsageSink::open(&path).unwrap();
        let (whole, next) = (event("a") + &event("b"), event("c"));

        for cut in 0..event("b").len() {
            std::fs::write(&path, &whole[..event("a").len() + cut]).unwrap();
            sink.take(batch(&next)).await.unwrap();

            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                event("a") + &next,
                "cut after {cut} bytes"
            );
        }
    }

    #[tokio::test]
    async fn what_is_no_event_is_never_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        let sink = FileUsageSink::open(&path).unwrap();
        for text in [
            "my notes",
            "a line\nand one without an end",
            &"x".repeat(100_000),
        ] {
            std::fs::write(&path, text).unwrap();

            let error = sink.take(batch(&event("a"))).await.unwrap_err();

            assert_eq!(error.code, "export_file_foreign");
            assert!(error.message.contains("notes.txt"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[tokio::test]
    async fn batches_of_several_writers_stay_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.jsonl");
        let mut writers = tokio::task::JoinSet::new();
        for n in 0..8 {
            let sink = FileUsageSink::open(&path).unwrap();
            writers.spawn(async move {
                sink.take(batch(&event(&n.to_string()).repeat(200)))
                    .await
                    .unwrap()
            });
        }
        writers.join_all().await;

        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 8 * 200);
        assert!(
            lines
                .chunks(200)
                .all(|batch| batch.iter().all(|line| line == &batch[0])),
            "{lines:?}"
        );
    }

    #[tokio::test]
    async fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.jsonl");
        let sink = FileUsageSink::open(&path).unwrap();
        sink.take(batch(&event("a"))).await.unwrap();
        std::fs::rename(&path, folder.path().join("taken.jsonl")).unwrap();

        sink.take(batch(&event("b"))).await.unwrap();

        assert_eq!(std::fs::read_to_string(&path).unwrap(), event("b"));
    }

    #[test]
    fn one_file_is_one_place_however_it_is_named_and_what_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("usage.jsonl");
        let place = |path: &Path| FileUsageSink::open(path).unwrap().place().to_owned();

        let unmade = FileUsageSink::of(&folder.path().join("./usage.jsonl"));
        assert!(!path.exists(), "naming it makes no file");
        assert_eq!(
            place(&path),
            place(&folder.path().join(".").join("usage.jsonl"))
        );
        assert_eq!(unmade.place(), place(&path));
        assert_eq!(FileUsageSink::of(&path).place(), place(&path));
        for path in [
            folder.path().join("none/usage.jsonl"),
            folder.path().to_owned(),
            "/dev/null".into(),
        ] {
            assert_eq!(
                FileUsageSink::open(&path).unwrap_err().code,
                "export_file",
                "{}",
                path.display()
            );
        }
    }
}
