//! The folders of the days, and the files of objects in them: each is created once under an id of
//! its own, written once and synced, with its folder, before anything names it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use fluxgate_core::time::Timestamp;

use super::file_queue::Wanted;
use super::files::{Content, NewFile};
use super::folder::{FileId, Folder};

/// Used for an error without a number.
const EIO: i32 = 5;

/// The kernel's error number, which can be copied to every caller.
type Outcome = Result<(), i32>;

pub(super) struct Days {
    folder: PathBuf,
    /// The folder of today.
    today: Mutex<Option<Arc<Day>>>,
    /// The id of the file made last.
    last: AtomicI64,
    syncs: AtomicU64,
    bytes: AtomicU64,
}

/// A folder that is open to be synced.
struct Day {
    name: String,
    folder: File,
}

/// A file with its bytes, none of which need be on disk yet.
struct Filled {
    new: NewFile,
    file: File,
    day: Arc<Day>,
}

impl Days {
    /// `first`: the lowest id that is free.
    pub(super) fn new(folder: &Folder, first: FileId) -> Self {
        Self {
            folder: folder.objects(),
            today: Mutex::default(),
            last: AtomicI64::new(first.0.saturating_sub(1)),
            syncs: AtomicU64::default(),
            bytes: AtomicU64::default(),
        }
    }

    /// How many files and folders were synced since the start.
    pub(super) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    /// How many bytes of objects were written since the start.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn path(&self, id: FileId, key: &str) -> PathBuf {
        self.folder.join(id.file(key))
    }

    /// Writes the files of a group, then syncs each of them, and their folder once for all. Their
    /// callers are answered together.
    pub(super) fn write(&self, group: Vec<Wanted>) {
        let mut written = Vec::with_capacity(group.len());
        for wanted in group {
            // Whoever wanted it has gone.
            if wanted.answer.is_closed() {
                continue;
            }
            match self.fill(wanted.now, &wanted.key, wanted.content) {
                Ok(filled) => written.push((filled, wanted.answer)),
                Err(error) => drop(wanted.answer.send(Err(error))),
            }
        }
        let synced: Vec<Outcome> = written
            .iter()
            .map(|(filled, _)| self.counted(filled.file.sync_data()))
            .collect();
        let mut named: Option<(Arc<Day>, Outcome)> = None;
        for ((filled, answer), synced) in written.into_iter().zip(synced) {
            // Around midnight there are two folders.
            let outcome = match &named {
                Some((day, outcome)) if Arc::ptr_eq(day, &filled.day) => *outcome,
                _ => self.counted(filled.day.folder.sync_all()),
            };
            named = Some((filled.day, outcome));
            let done = synced.and(outcome).map(|()| filled.new);
            // One that is not taken removes itself.
            drop(answer.send(done.map_err(io::Error::from_raw_os_error)));
        }
    }

    fn counted(&self, synced: io::Result<()>) -> Outcome {
        self.syncs.fetch_add(1, Ordering::Relaxed);
        synced.map_err(|error| error.raw_os_error().unwrap_or(EIO))
    }

    fn fill(&self, now: Timestamp, key: &str, content: Content) -> io::Result<Filled> {
        let id = self.next(now);
        let day = self.day(&id.day())?;
        let path = self.path(id, key);
        let mut file = create(&path).inspect_err(|error| self.forget(error))?;
        let new = NewFile::new(id, path);
        let bytes = match &content {
            Content::Memory(bytes) => bytes.len() as u64,
            Content::File(spooled) => spooled.as_ref().as_ref().metadata()?.len(),
        };
        match content {
            Content::Memory(bytes) => file.write_all(&bytes)?,
            Content::File(spooled) => file = move_over((*spooled).as_ref(), new.path(), file)?,
        }
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(Filled { new, file, day })
    }

    fn next(&self, now: Timestamp) -> FileId {
        let now = FileId::at(now).0;
        let after = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self
            .last
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, after)
            .unwrap_or_else(|last| last);
        FileId(now.max(last.saturating_add(1)))
    }

    /// The folder of this day, which is durable itself.
    fn day(&self, name: &str) -> io::Result<Arc<Day>> {
        let mut today = self.today.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(day) = today.as_ref().filter(|day| day.name == name) {
            return Ok(day.clone());
        }
        let path = self.folder.join(name);
        match std::fs::DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => File::open(&self.folder)?.sync_all()?,
        }
        self.syncs.fetch_add(1, Ordering::Relaxed);
        let (name, folder) = (name.to_owned(), File::open(&path)?);
        let day = Arc::new(Day { name, folder });
        *today = Some(day.clone());
        Ok(day)
    }

    /// A folder that somebody removed is made again by the next file.
    fn forget(&self, error: &io::Error) {
        if error.kind() == ErrorKind::NotFound {
            *self.today.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

/// Moves a file over the new and empty one, or copies it from another file system.
fn move_over(from: &Path, to: &Path, mut file: File) -> io::Result<File> {
    match std::fs::rename(from, to) {
        Ok(()) => File::open(to),
        Err(error) if error.kind() == ErrorKind::CrossesDevices => {
            io::copy(&mut File::open(from)?, &mut file)?;
            Ok(file)
        }
        Err(error) => Err(error),
    }
}
