//! Which job is due when, and which is in progress. The rows in `jobs` are the source of truth:
//! those that are due soon are in memory, in bounded number, and the rest is read when its time
//! comes.

#[cfg(test)]
mod chaos;
mod lane;
mod pace;
mod part;
mod read;
#[cfg(test)]
mod rows_tests;
#[cfg(test)]
mod simulated_rows;
#[cfg(test)]
mod simulation;
mod stored;
mod turns;

use std::sync::{Arc, Mutex, MutexGuard};

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Clock, Lease};
use fluxgate_core::task::{Job, Lane};
use fluxgate_core::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::Notify;

use lane::{Page, Wanted};
use pace::Pace;
pub(super) use part::Part;
pub(super) use read::read;

/// Jobs of one lane that may be in progress at once.
pub const fn in_hand_max(lane: Lane) -> usize {
    match lane {
        Lane::Watch => Part::Watch.in_hand_max() + Part::Wake.in_hand_max(),
        Lane::Archive => Part::Archive.in_hand_max(),
        Lane::Notify => Part::Notify.in_hand_max(),
    }
}

/// The effect of a commit on the schedule.
pub(super) enum Effect {
    Due {
        key: String,
        entry: Entry,
    },
    Gone {
        key: String,
    },
    /// Rows were read.
    Read {
        part: Part,
        pages: Vec<Page>,
        hastened: Vec<(String, Entry)>,
    },
}

impl Effect {
    /// The key of the job whose row was changed.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Due { key, .. } | Self::Gone { key } => Some(key),
            Self::Read { .. } => None,
        }
    }

    fn part(&self) -> Part {
        match self {
            Self::Due { entry, .. } => Part::of(&entry.job),
            Self::Gone { key } => Part::of_key(key),
            Self::Read { part, .. } => *part,
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

struct PartJobs {
    part: Part,
    jobs: lane::Lane,
    /// `None` for jobs that are handed out whenever they are due.
    pace: Option<Pace>,
}

impl PartJobs {
    fn of(part: Part) -> Self {
        Self {
            part,
            jobs: lane::Lane::new(part.in_hand_max()),
            pace: None,
        }
    }

    fn take(&mut self, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        let room = self.pace.as_mut().map_or(max, |pace| pace.room(now));
        let leases = self.jobs.take(max.min(room), now, lease_ms);
        if let Some(pace) = &mut self.pace {
            pace.spend(leases.len());
        }
        leases
    }

    fn next_in_ms(&self, now: Timestamp) -> Option<u64> {
        let paced_ms = self.pace.as_ref().map_or(0, |pace| pace.next_in_ms(now));
        let next_ms = self.jobs.next_in_ms(now);
        next_ms.map(|next_ms| next_ms.max(paced_ms))
    }

    fn apply(&mut self, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Due { key, entry } => self.jobs.put(key, entry, now),
            Effect::Gone { key } => self.jobs.remove(&key, now),
            Effect::Read {
                pages, hastened, ..
            } => {
                for page in pages {
                    self.jobs.add_page(page, now);
                }
                for (key, entry) in hastened {
                    self.jobs.add_hastened(key, entry, now);
                }
            }
        }
    }
}

/// The parts of a lane, in the order in which they are asked.
struct LaneJobs {
    parts: Vec<PartJobs>,
    /// Until when the last receiver waits if nobody wakes it.
    waits_until: Timestamp,
}

impl LaneJobs {
    fn next_in_ms(&self, now: Timestamp) -> Option<u64> {
        let parts = self.parts.iter();
        parts.filter_map(|part| part.next_in_ms(now)).min()
    }

    /// Panics for a part of another lane, which no caller asks for.
    fn part(&mut self, part: Part) -> &mut PartJobs {
        let mut parts = self.parts.iter_mut();
        parts
            .find(|jobs| jobs.part == part)
            .expect("a lane has all of its parts")
    }
}

struct LaneQueue {
    jobs: Mutex<LaneJobs>,
    changed: Notify,
}

impl LaneQueue {
    fn of(lane: Lane) -> Self {
        let parts = Part::ALL.into_iter().filter(|part| part.lane() == lane);
        Self {
            jobs: Mutex::new(LaneJobs {
                parts: parts.map(PartJobs::of).collect(),
                waits_until: Timestamp(0),
            }),
            changed: Notify::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, LaneJobs> {
        self.jobs
            .lock()
            .expect("no code panics while it holds the schedule")
    }

    /// Wakes a receiver that would wait too long.
    fn wake(&self, jobs: &LaneJobs, now: Timestamp) {
        let next_ms = jobs.next_in_ms(now);
        if next_ms.is_some_and(|next_ms| now.plus_ms(next_ms) < jobs.waits_until) {
            self.changed.notify_one();
        }
    }
}

pub(super) struct Schedule {
    lanes: [LaneQueue; 3],
    clock: Arc<dyn Clock>,
}

impl Schedule {
    /// Finds out which tenants have jobs; the jobs themselves are read when they are due.
    pub(super) fn load(connection: &Connection, clock: Arc<dyn Clock>) -> Result<Self> {
        let schedule = Self::empty(clock);
        let now = schedule.clock.now();
        for part in Part::ALL {
            let mut jobs = schedule.queue(part.lane()).lock();
            let jobs = &mut jobs.part(part).jobs;
            for (tenant, position) in read::first_positions(connection, part, now)? {
                jobs.add_stored(&tenant, position);
            }
        }
        Ok(schedule)
    }

    /// Of no job at all, for who hands out none.
    pub(super) fn empty(clock: Arc<dyn Clock>) -> Self {
        Self {
            lanes: Lane::ALL.map(LaneQueue::of),
            clock,
        }
    }

    /// From now on so many watches are handed out a second at most.
    pub(super) fn set_polls_per_second(&self, polls: u32) {
        let mut jobs = self.queue(Lane::Watch).lock();
        jobs.part(Part::Watch).pace = Some(Pace::per_second(polls));
    }

    /// Each lane is locked once for all the effects of a commit.
    pub(super) fn apply(&self, effects: Vec<Effect>) {
        let now = self.clock.now();
        let mut locked = [const { None }; 3];
        for effect in effects {
            let part = effect.part();
            let lane = &mut locked[index(part.lane())];
            let jobs = lane.get_or_insert_with(|| self.queue(part.lane()).lock());
            jobs.part(part).apply(effect, now);
        }
        for (queue, jobs) in self.lanes.iter().zip(&locked) {
            if let Some(jobs) = jobs {
                queue.wake(jobs, now);
            }
        }
    }

    /// What is to be read for the lane. Each must be read, or be [`Self::unread`].
    pub(super) fn wanted(&self, lane: Lane, now: Timestamp) -> Vec<(Part, Wanted)> {
        let mut jobs = self.queue(lane).lock();
        let parts = jobs.parts.iter_mut();
        let wanted = parts.map(|part| (part.part, part.jobs.wanted(now)));
        wanted.filter(|(_, wanted)| !wanted.is_nothing()).collect()
    }

    /// Has the rows of these tenants read again, unless they were.
    pub(super) fn unread<'a>(&self, part: Part, tenants: impl Iterator<Item = &'a TenantId>) {
        let mut jobs = self.queue(part.lane()).lock();
        let jobs = &mut jobs.part(part).jobs;
        tenants.for_each(|tenant| jobs.unread(tenant));
    }

    /// Takes due jobs, each leased for `lease_ms`.
    pub(super) fn take(&self, lane: Lane, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        let mut jobs = self.queue(lane).lock();
        let mut leases = Vec::new();
        for part in &mut jobs.parts {
            leases.extend(part.take(max - leases.len(), now, lease_ms));
        }
        leases
    }

    /// In memory alone: after a restart the job is due when its row says.
    pub(super) fn hasten(&self, key: &str, job: &Job) {
        let (now, part) = (self.clock.now(), Part::of(job));
        let queue = self.queue(part.lane());
        let mut jobs = queue.lock();
        if jobs.part(part).jobs.hasten(key, job, now) {
            queue.wake(&jobs, now);
        }
    }

    /// Frees the slot of a job whose end is about to be written. False if its lease has run out.
    pub(super) fn settle(&self, lease: &Lease) -> bool {
        let (now, part) = (self.clock.now(), Part::of(&lease.job));
        let queue = self.queue(part.lane());
        let mut jobs = queue.lock();
        let settled = jobs.part(part).jobs.settle(lease, now);
        if settled {
            queue.wake(&jobs, now);
        }
        settled
    }

    /// True while the lease is the newest receipt of a job that still exists.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        let part = Part::of(&lease.job);
        let mut jobs = self.queue(part.lane()).lock();
        jobs.part(part).jobs.holds(lease)
    }

    /// How long a receiver waits for something to take, at most this long, unless
    /// [`Self::changed`].
    pub(super) fn wait_ms(&self, lane: Lane, now: Timestamp, max_ms: u64) -> u64 {
        let mut jobs = self.queue(lane).lock();
        let next_ms = jobs.next_in_ms(now).unwrap_or(max_ms);
        let wait_ms = next_ms.clamp(1, max_ms);
        jobs.waits_until = jobs.waits_until.max(now.plus_ms(wait_ms));
        wait_ms
    }

    /// Completes when something may be taken earlier than was known.
    pub(super) async fn changed(&self, lane: Lane) {
        self.queue(lane).changed.notified().await;
    }

    fn queue(&self, lane: Lane) -> &LaneQueue {
        &self.lanes[index(lane)]
    }

    /// The numbers of jobs in memory, and of slots that memory is taken for.
    #[cfg(test)]
    fn in_memory(&self, part: Part) -> (usize, usize) {
        let mut jobs = self.queue(part.lane()).lock();
        let jobs = &jobs.part(part).jobs;
        (jobs.size().0, jobs.capacity().0)
    }
}

/// As in [`Lane::ALL`].
fn index(lane: Lane) -> usize {
    match lane {
        Lane::Watch => 0,
        Lane::Archive => 1,
        Lane::Notify => 2,
    }
}
