//! Which job is due when, and which is in hand. Lives in memory; the rows in `jobs` are the truth
//! and are loaded at the start.

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

/// Jobs of one lane that are in hand at once. Callbacks mostly wait for receivers, so there are
/// many.
pub const fn in_hand_max(lane: Lane) -> usize {
    match lane {
        Lane::Watch | Lane::Archive => 112,
        Lane::Notify => 256,
    }
}

/// What a commit does to the schedule.
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

/// A job that waits.
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
        let schedule = Self {
            lanes: Lane::ALL.map(LaneQueue::of),
            clock,
        };
        schedule.apply(load::waiting(connection)?);
        Ok(schedule)
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
            // What is gone makes room as well.
            self.queue(lane).changed.notify_one();
        }
    }

    /// Takes due jobs, each for the length of a lease.
    pub(super) fn take(&self, lane: Lane, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        self.lock(lane).take(max, now, lease_ms)
    }

    /// True while the lease is the newest receipt of a job that still exists.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        self.lock(lease.job.lane()).holds(lease)
    }

    /// Milliseconds until something may be taken; `None` when nothing waits but for a change.
    pub(super) fn next_in_ms(&self, lane: Lane, now: Timestamp) -> Option<u64> {
        self.lock(lane).next_in_ms(now)
    }

    /// Completes when a job was added to the lane, or was settled.
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
