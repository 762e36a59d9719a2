//! The line for the vendor's account: whose task is submitted next. Start-time fair queueing by the tenants' weights.
//!
//! Pure: the time comes in with each question. It keeps tickets, not tasks, so that what it knows of a tenant hardly grows with
//! the tenant's backlog, and one small item holds it all.

mod capacity;
mod estimate;
mod question;
mod queue;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use capacity::Capacity;
pub use estimate::LOOK_MAX_MS;
pub use question::{LineAnswer, LineQuestion, LineRequest};

use self::capacity::Credit;
use self::queue::Queue;
use crate::id::TenantId;
use crate::time::Timestamp;

/// How long a slot is kept for a called ticket whose task does not come: longer than any task sleeps between two looks.
const CALLED_MAX_MS: u64 = 120_000;
/// Slots are counted by the period in which they were taken, so that a recount need not stop the traffic.
const PERIOD_MS: u64 = 300_000;
/// Periods after which a slot is free whatever became of its task: 12 hours, twice what a run may take.
const SLOT_PERIODS_MAX: u64 = 144;

/// A task's place in the line, and later its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// Counts the tenant's tasks in the order in which they came.
    pub ticket: u64,
    /// The tenant's weight when the task came.
    pub weight: u32,
    /// When the turn came and the slot was taken; `None` while the task waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
}

impl Turn {
    pub fn waits(&self) -> bool {
        self.taken_at.is_none()
    }
}

/// The period that a slot taken at this time is counted in.
pub fn slot_period(taken_at: Timestamp) -> u64 {
    u64::try_from(taken_at.0).unwrap_or(0) / PERIOD_MS
}

/// Everybody who waits, and what of the account is in use. New ones are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Virtual time: the start tag of the last call.
    tag: u64,
    /// Where the tickets of a new queue begin: above all that were given out by queues that are no more.
    first_ticket: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credit: Option<Credit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    called_at: Option<Timestamp>,
    /// How long a slot is held, as a moving average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    held_ms: Option<u64>,
    /// Slots in use, by the period in which they were taken.
    slots: BTreeMap<u64, u32>,
    queues: BTreeMap<TenantId, Queue>,
}

/// When something is asked, and what the account bears.
#[derive(Debug, Clone, Copy)]
struct At {
    now: Timestamp,
    capacity: Capacity,
}

impl Line {
    /// A new task at the end of its tenant's queue. Its turn may come at once.
    fn enter(&mut self, tenant: &TenantId, weight: u32, at: At) -> Turn {
        self.refresh(at);
        let tag = self.tag;
        let queue = self.queue(tenant, weight);
        queue.weight = weight.max(1);
        let ticket = queue.give_ticket(tag);
        self.call(at);
        self.take(tenant, Turn { ticket, weight, taken_at: None }, at)
    }

    /// Takes the turn of a waiting task if it has come. A ticket that was called in vain is called again, first of its tenant's.
    ///
    /// False when the line is none the wiser.
    fn look(&mut self, tenant: &TenantId, turn: Turn, at: At) -> (Turn, bool) {
        let set_back = self.refresh(at);
        let tag = self.tag;
        let came_back = self.queue(tenant, turn.weight).come_back(turn.ticket, tag);
        self.call(at);
        let turn = self.take(tenant, turn, at);
        (turn, set_back || came_back || !turn.waits())
    }

    /// A task's place or slot is free again. `unused`: nothing was submitted for it.
    fn leave(&mut self, tenant: &TenantId, turn: Turn, unused: bool, at: At) {
        self.refresh(at);
        let was_called = self.queues.get_mut(tenant).is_some_and(|queue| queue.leave(turn.ticket));
        let unspent = match turn.taken_at {
            Some(taken_at) => {
                self.free_slot(taken_at, unused, at.now);
                unused
            }
            None => was_called,
        };
        if unspent {
            self.refund(at.capacity);
        }
        self.call(at);
        self.forget_the_idle();
    }

    /// Lowers the counts of the periods before `until` to what tasks were found to hold. It raises none: a slot may have been given
    /// back since the tasks were read, but none can have been taken in a period that is over.
    fn recount(&mut self, found: &BTreeMap<u64, u32>, until: u64) -> bool {
        let before = self.slots.clone();
        for (period, count) in self.slots.range_mut(..until) {
            *count = (*count).min(found.get(period).copied().unwrap_or(0));
        }
        self.slots.retain(|_, count| *count > 0);
        before != self.slots
    }

    fn queue(&mut self, tenant: &TenantId, weight: u32) -> &mut Queue {
        let (first, tag) = (self.first_ticket, self.tag);
        self.queues.entry(tenant.clone()).or_insert_with(|| Queue::new(first, weight, tag))
    }

    /// Calls tickets while the capacity lasts, each of the waiting queue with the smallest start tag.
    fn call(&mut self, at: At) {
        while self.has_room(at.capacity) {
            let waiting = self.queues.values_mut().filter(|queue| queue.waiting() > 0);
            let Some(queue) = waiting.min_by_key(|queue| queue.tag) else { return };
            self.tag = queue.tag;
            queue.call_next(at.now);
            self.called_at = Some(at.now);
            self.spend(at.capacity);
        }
    }

    fn take(&mut self, tenant: &TenantId, turn: Turn, at: At) -> Turn {
        let called = self.queues.get_mut(tenant).is_some_and(|queue| queue.called.remove(&turn.ticket).is_some());
        if called && at.capacity.concurrency.is_some() {
            *self.slots.entry(slot_period(at.now)).or_default() += 1;
        }
        self.forget_the_idle();
        Turn { taken_at: called.then_some(at.now), ..turn }
    }

    /// Nothing happens to a slot that is counted no more.
    fn free_slot(&mut self, taken_at: Timestamp, unused: bool, now: Timestamp) {
        let period = slot_period(taken_at);
        let Some(count) = self.slots.get_mut(&period) else { return };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.slots.remove(&period);
        }
        if !unused {
            let held_ms = now.since_ms(taken_at);
            self.held_ms = Some(self.held_ms.map_or(held_ms, |average| (average.saturating_mul(7) + held_ms) / 8));
        }
    }

    /// A queue whose next task would be treated as a newcomer's need not be kept. When nobody waits, that is true of all.
    fn forget_the_idle(&mut self) {
        if self.queues.values().all(|queue| queue.waiting() == 0) {
            self.tag = 0;
            self.queues.values_mut().for_each(|queue| queue.tag = 0);
        }
        let (tag, first) = (self.tag, &mut self.first_ticket);
        self.queues.retain(|_, queue| {
            let keep = queue.waiting() > 0 || !queue.called.is_empty() || queue.tag > tag;
            if !keep {
                *first = queue.next.max(*first);
            }
            keep
        });
    }
}
