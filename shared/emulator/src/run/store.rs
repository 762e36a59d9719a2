//! All runs, in memory and bounded: when it is full, the oldest that have ended are forgotten.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Run;

const RUNS_MAX: usize = 200_000;
const BYTES_MAX: usize = 256 << 20;

#[derive(Debug, Default)]
pub(crate) struct RunStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_id: HashMap<String, Arc<Run>>,
    oldest_first: VecDeque<Arc<Run>>,
    /// Roughly what all of them occupy.
    bytes: usize,
}

impl RunStore {
    /// False when it is full of runs that have not ended.
    pub(crate) fn insert(&self, run: Arc<Run>) -> bool {
        let mut kept = self.lock();
        if kept.oldest_first.len() >= RUNS_MAX && !kept.forget_oldest_ended() {
            return false;
        }
        kept.bytes += run.bytes.load(Ordering::Relaxed);
        kept.by_id.insert(run.id.clone(), run.clone());
        kept.oldest_first.push_back(run);
        while kept.bytes > BYTES_MAX && kept.forget_oldest_ended() {}
        true
    }

    /// Counts what a run is about to hold as its outputs.
    pub(super) fn grow(&self, bytes: usize) {
        self.lock().bytes += bytes;
    }

    /// None also for a deleted one.
    pub(crate) fn find(&self, id: &str) -> Option<Arc<Run>> {
        self.lock().by_id.get(id).filter(|run| !run.is_deleted()).cloned()
    }

    /// Deleted ones included.
    pub(crate) fn newest_first(&self) -> Vec<Arc<Run>> {
        self.lock().oldest_first.iter().rev().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget_oldest_ended(&mut self) -> bool {
        let place = self.oldest_first.iter().position(|run| run.end().is_some());
        let Some(run) = place.and_then(|place| self.oldest_first.remove(place)) else { return false };
        self.by_id.remove(&run.id);
        self.bytes = self.bytes.saturating_sub(run.bytes.load(Ordering::Relaxed));
        true
    }
}
