//! A disk that may forget, after a power failure, whatever was not synced.
//!
//! A library under the process (`tests/recorder/recorder.c`) notes each change of one folder and
//! each sync. From these notes the folder is rebuilt as it may have been at any moment: with all
//! that was synced by then, and with nothing, some or all of the rest.

mod log;
mod tree;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use log::{Op, Record};
use tree::Tree;
pub use tree::Unsynced;

/// Notes what a process does to a folder.
pub struct Recorder {
    folder: PathBuf,
    library: PathBuf,
    log: PathBuf,
    before: Tree,
}

/// What happened to the folder, and what was in it before.
pub struct History {
    folder: PathBuf,
    before: Tree,
    records: Vec<Record>,
}

impl Recorder {
    /// What is in the folder now counts as on disk. `scratch` is an empty folder for the library
    /// and the notes.
    pub fn of(folder: &Path, scratch: &Path) -> Self {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("recorder/recorder.c");
        let library = scratch.join("recorder.so");
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .output()
            .expect("a C compiler is there, since Rust links by it");
        let said = String::from_utf8_lossy(&compiled.stderr);
        assert!(compiled.status.success(), "{said}");
        let folder = folder.canonicalize().unwrap();
        Self {
            before: Tree::of(&folder),
            log: scratch.join("changes"),
            folder,
            library,
        }
    }

    /// For the process whose changes are noted.
    pub fn env(&self) -> [(&str, &str); 3] {
        [
            ("LD_PRELOAD", self.library.to_str().unwrap()),
            ("DISK_FOLDER", self.folder.to_str().unwrap()),
            ("DISK_LOG", self.log.to_str().unwrap()),
        ]
    }

    /// What the process did; it has ended.
    pub fn history(self) -> History {
        History {
            records: log::read(&self.log),
            folder: self.folder,
            before: self.before,
        }
    }
}

impl History {
    /// The number of changes and syncs.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// When the first so many were over.
    pub fn time_of(&self, records: usize) -> SystemTime {
        self.records[..records]
            .last()
            .map_or(SystemTime::UNIX_EPOCH, |record| record.at)
    }

    /// Syncs of files and folders among the first so many records.
    pub fn syncs(&self, records: usize) -> usize {
        let records = &self.records[..records];
        records
            .iter()
            .filter(|record| matches!(record.op, Op::Synced { .. }))
            .count()
    }

    /// Writes into `to`, which is empty, what a power failure after the first `records` may have
    /// left.
    pub fn rebuild(&self, records: usize, unsynced: Unsynced, to: &Path) {
        let mut tree = self.before.clone();
        for (at, record) in self.records[..records].iter().enumerate() {
            tree.apply(&self.folder, at, record);
        }
        tree.write(unsynced, to);
    }
}
