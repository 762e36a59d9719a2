//! Which job is due when, and which is in hand. Lives in memory; the rows in `jobs` are the truth and are loaded at the start.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use fluxgate_core::Result;
use fluxgate_core::id::TenantId;
use fluxgate_core::job::{Job, Lane};
use fluxgate_core::port::Lease;
use fluxgate_core::time::Timestamp;
use rusqlite::Connection;
use tokio::sync::Notify;

use super::error::{database, unreadable};

/// What a commit does to the schedule.
pub(super) enum Effect {
    Due { key: String, entry: Entry },
    Gone { key: String, lane: Lane },
}

/// A job that waits.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) job: Job,
    pub(super) due: Timestamp,
    pub(super) failures: u32,
}

struct Slot {
    entry: Entry,
    /// Rises with every change; a heap item or a lease of another receipt is outdated.
    receipt: u64,
    in_hand: bool,
}

/// When, which receipt, which job.
type Item = (Timestamp, u64, String);

/// Jobs of one tenant that one lane hands out at once. What is over it waits apart, so that a tenant whose receiver never
/// answers, or a thousand of its tasks, do not stand in the way of another's one.
const TENANT_IN_HAND_MAX: usize = 48;

#[derive(Default)]
struct TenantShare {
    in_hand: usize,
    parked: VecDeque<Item>,
}

#[derive(Default)]
struct LaneState {
    slots: HashMap<String, Slot>,
    /// Due or lease end, receipt, key: earliest first.
    due: BinaryHeap<Reverse<Item>>,
    shares: HashMap<TenantId, TenantShare>,
}

impl LaneState {
    /// The slot of an item that is not outdated.
    fn current(&mut self, receipt: u64, key: &str) -> Option<&mut Slot> {
        self.slots.get_mut(key).filter(|slot| slot.receipt == receipt)
    }

    /// A job is no longer in hand: the tenant's next one may go.
    fn release(&mut self, tenant: &TenantId) {
        if let Some(share) = self.shares.get_mut(tenant) {
            share.in_hand = share.in_hand.saturating_sub(1);
        }
        self.promote(tenant);
    }

    /// Puts one parked item of the tenant back among the due, if there is room for it. While there is room and something is
    /// parked, one of the tenant's items is among the due: whoever finds that one outdated promotes the next.
    fn promote(&mut self, tenant: &TenantId) {
        let Some(share) = self.shares.get_mut(tenant).filter(|share| share.in_hand < TENANT_IN_HAND_MAX) else {
            return;
        };
        if let Some(item) = share.parked.pop_front() {
            self.due.push(Reverse(item));
        } else if share.in_hand == 0 {
            self.shares.remove(tenant);
        }
    }

    /// Removes the job, and what it held.
    fn remove(&mut self, key: &str) {
        if let Some(slot) = self.slots.remove(key)
            && slot.in_hand
        {
            self.release(slot.entry.job.tenant());
        }
    }

    /// Takes one due item, or puts it aside. `None` when it is outdated or its tenant has its share.
    fn lease(&mut self, (due, receipt, key): Item, fresh: u64, lease_end: Timestamp) -> Option<Lease> {
        let Some(slot) = self.current(receipt, &key) else {
            tenant_of(&key).iter().for_each(|tenant| self.promote(tenant));
            return None;
        };
        let (tenant, lapsed) = (slot.entry.job.tenant().clone(), std::mem::take(&mut slot.in_hand));
        if lapsed {
            self.release(&tenant);
        }
        let share = self.shares.entry(tenant).or_default();
        if share.in_hand >= TENANT_IN_HAND_MAX {
            share.parked.push_back((due, receipt, key));
            return None;
        }
        share.in_hand += 1;
        let slot = self.current(receipt, &key)?;
        slot.receipt = fresh;
        slot.in_hand = true;
        let (job, failures) = (slot.entry.job.clone(), slot.entry.failures);
        self.due.push(Reverse((lease_end, fresh, key.clone())));
        Some(Lease { job, handle: key, receipt: fresh, failures })
    }
}

/// The tenant in a job's key, `<kind>/<tenant>/…`.
fn tenant_of(key: &str) -> Option<TenantId> {
    TenantId::parse(key.split('/').nth(1)?).ok()
}

#[derive(Default)]
struct LaneQueue {
    state: Mutex<LaneState>,
    changed: Notify,
}

pub(super) struct Schedule {
    lanes: [LaneQueue; 3],
    receipts: std::sync::atomic::AtomicU64,
}

impl Schedule {
    pub(super) fn load(connection: &Connection) -> Result<Self> {
        let schedule = Self { lanes: Default::default(), receipts: 1.into() };
        let mut statement =
            connection.prepare("SELECT key, due_at, failures, body FROM jobs").map_err(database("load the queue"))?;
        let mut rows = statement.query([]).map_err(database("load the queue"))?;
        let mut effects = Vec::new();
        while let Some(row) = rows.next().map_err(database("load the queue"))? {
            let read = || -> rusqlite::Result<(String, i64, u32, String)> {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            };
            let (key, due, failures, body) = read().map_err(database("load the queue"))?;
            let job = serde_json::from_str(&body).map_err(unreadable)?;
            effects.push(Effect::Due { key, entry: Entry { job, due: Timestamp(due), failures } });
        }
        schedule.apply(effects);
        Ok(schedule)
    }

    pub(super) fn apply(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Due { key, entry } => self.put(key, entry),
                Effect::Gone { key, lane } => self.gone(lane, &key),
            }
        }
    }

    fn put(&self, key: String, entry: Entry) {
        let lane = entry.job.lane();
        let receipt = self.next_receipt();
        let mut state = self.lock(lane);
        state.remove(&key);
        state.due.push(Reverse((entry.due, receipt, key.clone())));
        state.slots.insert(key, Slot { entry, receipt, in_hand: false });
        drop(state);
        self.queue(lane).changed.notify_one();
    }

    fn gone(&self, lane: Lane, key: &str) {
        self.lock(lane).remove(key);
        // Its tenant's next job may have become due by it.
        self.queue(lane).changed.notify_one();
    }

    /// Takes due jobs, each for the length of a lease.
    pub(super) fn take(&self, lane: Lane, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        let mut state = self.lock(lane);
        let mut leases = Vec::new();
        while leases.len() < max {
            match state.due.peek() {
                Some(Reverse((due, ..))) if *due <= now => {}
                _ => break,
            }
            let Some(Reverse(item)) = state.due.pop() else { break };
            leases.extend(state.lease(item, self.next_receipt(), now.plus_ms(lease_ms)));
        }
        leases
    }

    /// True while the lease is the newest receipt of a job that still exists.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        let state = self.lock(lease.job.lane());
        state.slots.get(&lease.handle).is_some_and(|slot| slot.receipt == lease.receipt)
    }

    /// Milliseconds until something may be due; `None` when nothing waits.
    pub(super) fn next_due_in_ms(&self, lane: Lane, now: Timestamp) -> Option<u64> {
        self.lock(lane).due.peek().map(|Reverse((due, ..))| due.since_ms(now))
    }

    /// Completes when a job was added to the lane.
    pub(super) async fn changed(&self, lane: Lane) {
        self.queue(lane).changed.notified().await;
    }

    fn next_receipt(&self) -> u64 {
        self.receipts.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }

    fn queue(&self, lane: Lane) -> &LaneQueue {
        match lane {
            Lane::Watch => &self.lanes[0],
            Lane::Archive => &self.lanes[1],
            Lane::Notify => &self.lanes[2],
        }
    }

    fn lock(&self, lane: Lane) -> MutexGuard<'_, LaneState> {
        self.queue(lane).state.lock().expect("no code panics while it holds the schedule")
    }
}
