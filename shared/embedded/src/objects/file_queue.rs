//! Files that wait to be written, and the few threads that write them. A group is written, synced
//! and answered together, so that its folder is synced once for all and the changes that name its
//! files come to the database at the same time. A group waits for others as a commit does.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fluxgate_core::time::Timestamp;
use tokio::sync::oneshot;

use super::days::Days;
use super::files::{Content, NewFile};
use crate::pace::{Hurry, Pace, Workers};

/// Files in one group.
const GROUP_MAX: usize = 32;
/// A lone caller, who waits for each of its own files, never has two in a group.
const CROWD: f64 = 1.25;
/// Where a file takes longer, the disk is slow, and its waits are shared among the threads.
const SLOW: Duration = Duration::from_millis(1);
/// Weight of the last group in the average.
const WEIGHT: f64 = 0.2;

/// A file to be written.
pub(super) struct Wanted {
    pub(super) now: Timestamp,
    pub(super) key: String,
    pub(super) content: Content,
    pub(super) answer: oneshot::Sender<io::Result<NewFile>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Written in groups.
    Small,
    /// Written one by one.
    Large,
}

impl Kind {
    const fn threads(self) -> usize {
        match self {
            Self::Small => 4,
            Self::Large => 3,
        }
    }

    const fn thread_name(self) -> &'static str {
        match self {
            Self::Small => "small-files",
            Self::Large => "large-files",
        }
    }
}

/// The threads end when it is dropped.
pub(super) struct FileQueue(Arc<Queue>);

struct Queue {
    kind: Kind,
    workers: Workers,
    state: Mutex<State>,
    arrived: Condvar,
}

struct State {
    waiting: VecDeque<Wanted>,
    /// Threads that wait for a file.
    idle: usize,
    /// Whether one thread waits for more files to join its group.
    is_gathering: bool,
    pace: Pace,
    /// How long a file takes, in seconds.
    each_s: f64,
    /// What waits is the rest of a group that was shared.
    is_shared: bool,
    is_closed: bool,
}

impl FileQueue {
    pub(super) fn start(kind: Kind, days: &Arc<Days>) -> io::Result<Self> {
        let state = State {
            waiting: VecDeque::new(),
            idle: 0,
            is_gathering: false,
            pace: Pace::of_crowds(CROWD),
            each_s: 0.0,
            is_shared: false,
            is_closed: false,
        };
        let queue = Arc::new(Queue {
            kind,
            workers: Workers::current(),
            state: Mutex::new(state),
            arrived: Condvar::new(),
        });
        // Dropped on an error, it ends those that were started.
        let started = Self(queue);
        for _ in 0..kind.threads() {
            let (queue, days) = (started.0.clone(), days.clone());
            std::thread::Builder::new()
                .name(kind.thread_name().to_owned())
                .spawn(move || queue.serve(&days))?;
        }
        Ok(started)
    }

    /// As many wait as there are callers: copies in progress and requests of the S3 server, and
    /// both are bounded.
    pub(super) fn push(&self, wanted: Wanted) {
        let mut state = self.0.lock();
        state.waiting.push_back(wanted);
        // Whoever gathers finds it at its next look.
        if state.idle > 0 && !state.is_gathering {
            self.0.arrived.notify_one();
        }
    }
}

impl Drop for FileQueue {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.arrived.notify_all();
    }
}

impl Queue {
    fn serve(&self, days: &Days) {
        while let Some(group) = self.next() {
            let (count, began) = (group.len(), Instant::now());
            days.write(group);
            self.lock().written(count, began, Instant::now());
        }
    }

    /// The next group; `None` once no more will come.
    fn next(&self) -> Option<Vec<Wanted>> {
        let mut state = self.lock();
        while state.waiting.is_empty() || state.is_gathering {
            if state.is_closed {
                return None;
            }
            state.idle += 1;
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.idle -= 1;
        }
        if self.kind == Kind::Large {
            return Some(state.waiting.drain(..1).collect());
        }
        if !state.is_shared {
            state = self.gather(state);
        }
        let group = state.take();
        if !state.waiting.is_empty() && state.idle > 0 {
            self.arrived.notify_one();
        }
        Some(group)
    }

    /// Lets more files join, for as long as the pace allows.
    fn gather<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.is_gathering = true;
        let mut patience = state.pace.patience(Instant::now());
        while let Some(look) = patience.next(state.waiting.len(), &self.workers)
            && state.waiting.len() < GROUP_MAX
        {
            drop(state);
            std::thread::sleep(look);
            state = self.lock();
        }
        state.pace.learn(&patience);
        state.is_gathering = false;
        state
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// All that wait, or a thread's part of them.
    fn take(&mut self) -> Vec<Wanted> {
        let waiting = self.waiting.len();
        let part = match self.each_s > SLOW.as_secs_f64() {
            true => waiting.div_ceil(self.idle + 1),
            false => waiting,
        };
        self.is_shared = part < waiting;
        self.waiting.drain(..part.min(GROUP_MAX)).collect()
    }

    fn written(&mut self, count: usize, began: Instant, ended: Instant) {
        let took = ended - began;
        let hurries = std::iter::repeat_n(Hurry::Soon, count);
        self.pace.committed(hurries, took, ended);
        self.each_s += WEIGHT * (took.as_secs_f64() / count as f64 - self.each_s);
    }
}
