//! How far a batch of edits has come: a file of JSON lines, each on disk before what follows from
//! it is done. A command that was killed reads what it had done and goes on.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use fluxgate_core::json::{self, JsonBounds};
use serde::{Deserialize, Serialize};

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// The digest of what was asked for, and the key of its batch.
    Begun {
        asked: String,
        key: String,
    },
    Uploaded {
        image: String,
        url: String,
        /// What tells whether the file was changed since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stamp: Option<String>,
    },
    /// The lines may have been sent with these URLs.
    Sending,
    Sent {
        batch: String,
    },
}

/// A picture that was uploaded.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Upload {
    pub(super) url: String,
    stamp: Option<String>,
}

impl Upload {
    pub(super) fn is_of_another(&self, stamp: &str) -> bool {
        self.stamp.as_deref().is_some_and(|known| known != stamp)
    }
}

/// What was done so far.
pub(super) struct Journal {
    file: File,
    /// The `Idempotency-Key` of the batch.
    pub(super) key: String,
    pub(super) uploads: HashMap<String, Upload>,
    pub(super) may_be_sent: bool,
    pub(super) batch: Option<String>,
}

impl Journal {
    /// Opens the journal at this path, or begins it with a fresh key. Fails if it is about
    /// something else, or if another command works on it.
    pub(super) fn open(path: &Path, asked: &str, fresh_key: String) -> Result<Self> {
        let shown = path.display();
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)
            .with_context(|| format!("cannot write {shown}"))?;
        if file.try_lock().is_err() {
            bail!("another command works on {shown}; wait until it has ended");
        }
        let entries = read(path)?;
        let mut journal = Self {
            file,
            key: String::new(),
            uploads: HashMap::new(),
            may_be_sent: false,
            batch: None,
        };
        for entry in entries {
            match entry {
                Entry::Begun { asked: begun, .. } if begun != asked => bail!(
                    "{shown} is of another batch: the file, the prompt, the model or the tenant was changed since; name another folder with --into, or delete that one"
                ),
                Entry::Begun { key, .. } => journal.key = key,
                Entry::Uploaded { image, url, stamp } => {
                    journal.uploads.insert(image, Upload { url, stamp });
                }
                Entry::Sending => journal.may_be_sent = true,
                Entry::Sent { batch } => {
                    journal.may_be_sent = true;
                    journal.batch = Some(batch);
                }
            }
        }
        if journal.key.is_empty() {
            let asked = asked.to_owned();
            let key = fresh_key.clone();
            journal.write(&Entry::Begun { asked, key })?;
            journal.key = fresh_key;
        }
        Ok(journal)
    }

    pub(super) fn uploaded(&mut self, image: &str, url: String, stamp: String) -> Result<()> {
        let stamp = Some(stamp);
        self.write(&Entry::Uploaded {
            image: image.to_owned(),
            url: url.clone(),
            stamp: stamp.clone(),
        })?;
        let upload = Upload { url, stamp };
        self.uploads.insert(image.to_owned(), upload);
        Ok(())
    }

    pub(super) fn sending(&mut self) -> Result<()> {
        if !self.may_be_sent {
            self.write(&Entry::Sending)?;
            self.may_be_sent = true;
        }
        Ok(())
    }

    pub(super) fn sent(&mut self, batch: &str) -> Result<()> {
        self.write(&Entry::Sent {
            batch: batch.to_owned(),
        })?;
        self.batch = Some(batch.to_owned());
        Ok(())
    }

    fn write(&mut self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry)? + "\n";
        let written = self
            .file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data());
        written.context("cannot write how far the batch has come")
    }
}

/// A line that a kill cut off is taken away: what it told of is done again.
fn read(path: &Path) -> Result<Vec<Entry>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    if whole < text.len() {
        let cut = OpenOptions::new().write(true).open(path);
        cut.and_then(|file| file.set_len(whole as u64))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    let lines = text[..whole].lines();
    let read = lines.map(|line| json::read(line.as_bytes(), JsonBounds::DOCUMENT));
    let read: Result<_, _> = read.collect();
    read.with_context(|| format!("{} is no record of a batch", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back_and_a_line_that_was_cut_off_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.jsonl");
        let open = |asked| Journal::open(&path, asked, format!("fresh-{asked}"));
        let mut journal = open("a").unwrap();
        let url = "https://h/1".to_owned();
        journal.uploaded("1.jpg", url, "5-7".to_owned()).unwrap();
        assert!(open("a").is_err(), "another command works on it");
        drop(journal);
        let mut whole = fs::read(&path).unwrap();
        whole.extend_from_slice(b"{\"uploaded\":{\"ima");
        fs::write(&path, whole).unwrap();

        let mut journal = open("a").unwrap();
        journal.sent("b1").unwrap();
        drop(journal);
        let journal = open("a").unwrap();

        assert_eq!(journal.key, "fresh-a");
        let upload = &journal.uploads["1.jpg"];
        assert_eq!(upload.url, "https://h/1");
        assert!(upload.is_of_another("5-8") && !upload.is_of_another("5-7"));
        assert!(journal.may_be_sent);
        assert_eq!(journal.batch.as_deref(), Some("b1"));
        drop(journal);
        assert!(open("b").is_err(), "it is of another batch");
    }
}
