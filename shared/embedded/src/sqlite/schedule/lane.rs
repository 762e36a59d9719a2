//! The jobs of one lane: later, due or in progress. Each is in exactly one of these places, so a
//! job that is sent again or removed leaves nothing outdated behind.

use std::collections::{BTreeMap, HashMap};

use fluxgate_core::port::Lease;
use fluxgate_core::task::Job;
use fluxgate_core::time::Timestamp;

use super::Entry;
use super::turns::{Pool, Turns, When};

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
}

impl JobState {
    /// What a timer of this slot waits for; a due job waits for its tenant's turn instead.
    fn timer(&self) -> Option<When> {
        match self.place {
            JobPlace::Later => Some((self.entry.due, self.receipt)),
            JobPlace::InHand { until, .. } => Some((until, self.receipt)),
            JobPlace::Due => None,
        }
    }
}

pub(super) struct Lane {
    slots: HashMap<String, JobState>,
    /// When a job becomes due or a lease ends, earliest first.
    timers: BTreeMap<When, String>,
    turns: Turns,
    receipts: u64,
}

impl Lane {
    /// A lane for this many jobs in progress.
    pub(super) fn new(in_hand_max: usize) -> Self {
        Self {
            slots: HashMap::new(),
            timers: BTreeMap::new(),
            turns: Turns::new(in_hand_max),
            receipts: 0,
        }
    }

    /// Adds a waiting job, replacing one with the same key.
    pub(super) fn put(&mut self, key: String, entry: Entry, now: Timestamp) {
        self.remove(&key, now);
        let receipt = self.next_receipt();
        self.timers.insert((entry.due, receipt), key.clone());
        self.slots.insert(
            key,
            JobState {
                entry,
                receipt,
                place: JobPlace::Later,
            },
        );
    }

    /// Removes a job and frees its slot.
    pub(super) fn remove(&mut self, key: &str, now: Timestamp) {
        let Some(slot) = self.slots.remove(key) else {
            return;
        };
        if let Some(timer) = slot.timer() {
            self.timers.remove(&timer);
        }
        let tenant = slot.entry.job.tenant();
        match slot.place {
            JobPlace::Later => {}
            JobPlace::Due => self.turns.withdraw(tenant, (slot.entry.due, slot.receipt)),
            JobPlace::InHand { pool, since, until } => {
                self.turns
                    .release(tenant, pool, now.min(until).since_ms(since))
            }
        }
    }

    /// Makes a job due now that would be later. False if there is none, or another under its key.
    pub(super) fn hasten(&mut self, key: &str, job: &Job, now: Timestamp) -> bool {
        let Some(slot) = self.slots.get_mut(key) else {
            return false;
        };
        if !matches!(slot.place, JobPlace::Later) || slot.entry.job != *job || slot.entry.due <= now
        {
            return false;
        }
        self.timers.remove(&(slot.entry.due, slot.receipt));
        slot.entry.due = now;
        self.timers.insert((now, slot.receipt), key.to_owned());
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

    fn lease(&mut self, key: String, in_hand: JobPlace, until: Timestamp) -> Option<Lease> {
        let receipt = self.next_receipt();
        let slot = self.slots.get_mut(&key)?;
        slot.receipt = receipt;
        slot.place = in_hand;
        self.timers.insert((until, receipt), key.clone());
        let (job, failures) = (slot.entry.job.clone(), slot.entry.failures);
        Some(Lease {
            job,
            handle: key,
            receipt,
            failures,
        })
    }

    /// True while the lease is the newest receipt of a job that still exists.
    pub(super) fn holds(&self, lease: &Lease) -> bool {
        self.slots
            .get(&lease.handle)
            .is_some_and(|slot| slot.receipt == lease.receipt)
    }

    /// Milliseconds until something may be taken; `None` if only a change can make something
    /// available.
    pub(super) fn next_in_ms(&self, now: Timestamp) -> Option<u64> {
        if self.turns.is_ready() {
            return Some(0);
        }
        self.timers
            .first_key_value()
            .map(|((at, _), _)| at.since_ms(now))
    }

    fn next_receipt(&mut self) -> u64 {
        self.receipts += 1;
        self.receipts
    }

    #[cfg(test)]
    pub(super) fn turns(&self) -> &Turns {
        &self.turns
    }

    /// The numbers of jobs, timers, due jobs and known tenants.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize, usize, usize) {
        let (due, tenants) = self.turns.size();
        (self.slots.len(), self.timers.len(), due, tenants)
    }
}
