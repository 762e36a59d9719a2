//! The jobs of one part of a lane that are in memory: later, due, in progress or settled. Each is
//! in exactly one of these places, so a job that is sent again or removed leaves nothing outdated
//! behind. Jobs of later, and those of tenants that have many, are in the table alone.

mod rows;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Lease;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;

pub(in crate::sqlite) use rows::{Page, Wanted};

use super::Entry;
use super::stored::{Stored, shrink};
use super::turns::{Pool, Turns, When};

/// A job's key, in memory once.
pub(super) type Key = Arc<str>;

/// A job that is due within this time is in memory. Most watches never are: their tasks end sooner.
const KEEP_AHEAD_MS: u64 = 5_000;

/// Due jobs in memory, of all tenants and of one. Above them a job stays in the table, unless its
/// tenant has next to nothing in memory: no tenant waits for the jobs of another.
const DUE_MAX: usize = 4_096;
const TENANT_DUE_MAX: usize = 256;
const TENANT_DUE_MIN: usize = 4;

/// Jobs in memory that are due soon.
const LATER_MAX: usize = 4_096;

struct JobState {
    entry: Entry,
    /// Increases with every change; a lease with another receipt is outdated.
    receipt: u64,
    place: JobPlace,
}

enum JobPlace {
    Later,
    Due,
    InHand {
        pool: Pool,
        since: Timestamp,
        until: Timestamp,
    },
    /// Its end is about to be written.
    Settled {
        until: Timestamp,
    },
}

impl JobState {
    /// What a timer of this slot waits for; a due job waits for its tenant's turn instead.
    fn timer(&self) -> Option<When> {
        match self.place {
            JobPlace::Later => Some((self.entry.due, self.receipt)),
            JobPlace::InHand { until, .. } | JobPlace::Settled { until } => {
                Some((until, self.receipt))
            }
            JobPlace::Due => None,
        }
    }
}

pub(super) struct Lane {
    slots: HashMap<Key, JobState>,
    /// When a job becomes due or a lease ends, earliest first.
    timers: BTreeMap<When, Key>,
    turns: Turns,
    stored: Stored,
    asked: Vec<(String, Job)>,
    receipts: u64,
}

impl Lane {
    /// A lane for this many jobs in progress.
    pub(super) fn new(in_hand_max: usize) -> Self {
        Self {
            slots: HashMap::new(),
            timers: BTreeMap::new(),
            turns: Turns::new(in_hand_max),
            stored: Stored::default(),
            asked: Vec::new(),
            receipts: 0,
        }
    }

    /// Adds a waiting job, replacing one with the same key. Its row is written.
    pub(super) fn put(&mut self, key: String, entry: Entry, now: Timestamp) {
        self.remove(&key, now);
        if self.has_room_for(&entry, now) {
            self.insert(key, entry, now);
        } else {
            let position = (entry.due, key);
            self.stored.add(entry.job.tenant(), position);
        }
    }

    /// A tenant's jobs come in the order of their due times, so none overtakes those in the table.
    fn has_room_for(&self, entry: &Entry, now: Timestamp) -> bool {
        let tenant = entry.job.tenant();
        if entry.due > now.plus_ms(KEEP_AHEAD_MS) || self.stored.is_any_due(tenant, entry.due) {
            return false;
        }
        if entry.due > now {
            return self.timers.len() < LATER_MAX;
        }
        self.may_have(tenant, TENANT_DUE_MAX)
    }

    /// Whether the tenant has fewer due jobs in memory than this, or than anybody may have.
    fn may_have(&self, tenant: &TenantId, of_tenant_max: usize) -> bool {
        let of_tenant = self.turns.due_of(tenant);
        of_tenant < TENANT_DUE_MIN || (of_tenant < of_tenant_max && self.turns.due() < DUE_MAX)
    }

    fn insert(&mut self, key: String, entry: Entry, now: Timestamp) {
        let (key, receipt) = (Key::from(key), self.next_receipt());
        let when = (entry.due, receipt);
        let place = if entry.due <= now {
            self.turns.add(entry.job.tenant(), when, key.clone());
            JobPlace::Due
        } else {
            self.timers.insert(when, key.clone());
            JobPlace::Later
        };
        let state = JobState {
            entry,
            receipt,
            place,
        };
        self.slots.insert(key, state);
    }

    /// Removes a job and frees its slot.
    pub(super) fn remove(&mut self, key: &str, now: Timestamp) {
        let Some(slot) = self.slots.remove(key) else {
            return;
        };
        shrink(&mut self.slots);
        if let Some(timer) = slot.timer() {
            self.timers.remove(&timer);
        }
        let tenant = slot.entry.job.tenant();
        match slot.place {
            JobPlace::Later | JobPlace::Settled { .. } => {}
            JobPlace::Due => {
                self.turns.withdraw(tenant, (slot.entry.due, slot.receipt));
                self.read_on_of(tenant);
            }
            JobPlace::InHand { pool, since, until } => {
                self.turns
                    .release(tenant, pool, now.min(until).since_ms(since))
            }
        }
    }

    /// Frees the slot of a job whose end is about to be written; it is not handed out meanwhile.
    /// False if its lease has run out or is outdated.
    pub(super) fn settle(&mut self, lease: &Lease, now: Timestamp) -> bool {
        let Some(slot) = self.slots.get_mut(lease.handle.as_str()) else {
            return false;
        };
        let JobPlace::InHand { pool, since, until } = slot.place else {
            return false;
        };
        if slot.receipt != lease.receipt {
            return false;
        }
        slot.place = JobPlace::Settled { until };
        let held_ms = now.min(until).since_ms(since);
        self.turns.release(slot.entry.job.tenant(), pool, held_ms);
        true
    }

    /// Makes a job due now that would be later. False if there is none, or another under its key.
    pub(super) fn hasten(&mut self, key: &str, job: &Job, now: Timestamp) -> bool {
        let Some(slot) = self.slots.get_mut(key) else {
            return self.ask_for(key, job);
        };
        if !matches!(slot.place, JobPlace::Later) || slot.entry.job != *job || slot.entry.due <= now
        {
            return false;
        }
        let Some(key) = self.timers.remove(&(slot.entry.due, slot.receipt)) else {
            return false;
        };
        slot.entry.due = now;
        self.timers.insert((now, slot.receipt), key);
        true
    }

    /// Takes due jobs, each leased for `lease_ms`.
    pub(super) fn take(&mut self, max: usize, now: Timestamp, lease_ms: u64) -> Vec<Lease> {
        self.ripen(now);
        let mut leases = Vec::new();
        while leases.len() < max
            && let Some((key, pool)) = self.turns.next()
        {
            let until = now.plus_ms(lease_ms);
            leases.extend(self.lease(
                key,
                JobPlace::InHand {
                    pool,
                    since: now,
                    until,
                },
                until,
            ));
        }
        for lease in &leases {
            self.read_on_of(lease.job.tenant());
        }
        leases
    }

    /// Jobs that became due, or whose lease ran out, now wait for their tenant's turn.
    fn ripen(&mut self, now: Timestamp) {
        while let Some(timer) = self
            .timers
            .first_entry()
            .filter(|timer| timer.key().0 <= now)
        {
            let key = timer.remove();
            let Some(slot) = self.slots.get_mut(&key) else {
                continue;
            };
            let tenant = slot.entry.job.tenant();
            if let JobPlace::InHand { pool, since, until } = slot.place {
                self.turns.release(tenant, pool, until.since_ms(since));
            }
            slot.place = JobPlace::Due;
            self.turns.add(tenant, (slot.entry.due, slot.receipt), key);
        }
    }

    fn lease(&mut self, key: Key, in_hand: JobPlace, until: Timestamp) -> Option<Lease> {
        let receipt = self.next_receipt();
        let slot = self.slots.get_mut(&key)?;
        slot.receipt = receipt;
        slot.place = in_hand;
        let (job, failures) = (slot.entry.job.clone(), slot.entry.failures);
        let handle = key.as_ref().to_owned();
        self.timers.insert((until, receipt), key);
        Some(Lease {
            job,
            handle,
            receipt,
            failures,
        })
    }

    /// True while the lease is the newest receipt of a job that still exists.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        self.slots
            .get(lease.handle.as_str())
            .is_some_and(|slot| slot.receipt == lease.receipt)
    }

    /// Milliseconds until something may be taken; `None` if only a change can make something
    /// available.
    pub(super) fn next_in_ms(&self, now: Timestamp) -> Option<u64> {
        if self.turns.is_ready() || !self.asked.is_empty() {
            return Some(0);
        }
        let timer = self.timers.first_key_value().map(|((at, _), _)| *at);
        let next = [timer, self.stored.next_at()].into_iter().flatten().min();
        next.map(|at| at.since_ms(now))
    }

    fn next_receipt(&mut self) -> u64 {
        self.receipts += 1;
        self.receipts
    }

    #[cfg(test)]
    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The numbers of jobs in memory, timers, due jobs and known tenants.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize, usize, usize) {
        (
            self.slots.len(),
            self.timers.len(),
            self.turns.due(),
            self.turns.tenants(),
        )
    }

    /// The numbers of slots that memory is taken for, and of tenants with jobs in no memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> (usize, usize) {
        (self.slots.capacity(), self.stored.tenants())
    }
}
