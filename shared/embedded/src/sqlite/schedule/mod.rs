//! Which job is due when, and which is in progress. Kept in memory; the rows in `jobs` are the
//! source of truth and are loaded at start-up.

mod lane;
mod load;
#[cfg(test)]
mod simulation;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard};

use fluxgate_core::Result;
use fluxgate_core::port::{Clock, Lease};
use fluxgate_core::task::{Job, Lane};
use fluxgate_core::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::Notify;

/// Jobs of one lane that may be in progress at once. Callbacks mostly wait for receivers, so their
/// lane has many.
pub const fn in_hand_max(lane: Lane) -> usize {
    match lane {
        Lane::Watch | Lane::Archive => 112,
        Lane::Notify => 256,
    }
}

/// The effect of a commit on the schedule.
pub(super) enum Effect {
    Due { key: String, entry: Entry },
    Gone { key: String, lane: Lane },
}

impl Effect {
    pub(super) fn key(&self) -> &str {
        match self {
            Self::Due { key, .. } | Self::Gone { key, .. } => key,
        }
    }
}

/// A waiting job.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) due: Timestamp,
    pub(super) failures: u32,
}

struct LaneQueue {
    jobs: Mutex<lane::Lane>,
    changed: Notify,
}

impl LaneQueue {
    fn of(lane: Lane) -> Self {
        Self {
            jobs: Mutex::new(lane::Lane::new(in_hand_max(lane))),
            changed: Notify::new(),
        }
    }
}

pub(super) struct Schedule {
    lanes: [LaneQueue; 3],
    clock: Arc<dyn Clock>,
}

impl Schedule {
    pub(super) fn load(connection: &Connection, clock: Arc<dyn Clock>) -> Result<Self> {
        let schedule = Self::empty(clock);
        schedule.apply(load::waiting(connection)?);
        Ok(schedule)
    }

    /// Of no job at all, for who hands out none.
    pub(super) fn empty(clock: Arc<dyn Clock>) -> Self {
        Self {
            lanes: Lane::ALL.map(LaneQueue::of),
            clock,
        }
    }

    pub(super) fn apply(&self, effects: Vec<Effect>) {
        let now = self.clock.now();
        for effect in effects {
            let lane = match effect {
                Effect::Due { key, entry } => {
                    let lane = entry.job.lane();
                    self.lock(lane).put(key, entry, now);
                    lane
                }
                Effect::Gone { key, lane } => {
                    self.lock(lane).remove(&key, now);
                    lane
                }
            };
            // A removed job frees a slot as well.
            self.queue(lane).changed.notify_one();
        }
    }

    /// Takes due jobs, each leased for `lease_ms`.
    pub(super) fn take(&self, lane: Lane, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        self.lock(lane).take(max, now, lease_ms)
    }

    /// In memory alone: after a restart the job is due when its row says.
    pub(super) fn hasten(&self, key: &str, job: &Job) {
        let lane = job.lane();
        if self.lock(lane).hasten(key, job, self.clock.now()) {
            self.queue(lane).changed.notify_one();
        }
    }

    /// True while the lease is the newest receipt of a job that still exists.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        self.lock(lease.job.lane()).holds(lease)
    }

    /// Milliseconds until something may be taken; `None` if only a change can make something
    /// available.
    pub(super) fn next_in_ms(&self, lane: Lane, now: Timestamp) -> Option<u64> {
        self.lock(lane).next_in_ms(now)
    }

    /// Completes when a job was added to the lane or settled.
    pub(super) async fn changed(&self, lane: Lane) {
        self.queue(lane).changed.notified().await;
    }

    fn queue(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Watch => &self.lanes[0],
            Lane::Archive => &self.lanes[1],
            Lane::Notify => &self.lanes[2],
        }
    }

    fn lock(&self, lane: Lane) -> MutexGuard<'_, lane::Lane> {
        self.queue(lane)
            .jobs
            .lock()
            .expect("no code panics while it holds the schedule")
    }
}
