//! The fair queue itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capacity::{Capacity, Credit};
use super::queue::Queue;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// How long a slot is kept for a called ticket whose task does not come: longer than any task
/// sleeps between two checks.
pub(super) const CALLED_MAX_MS: u64 = 120_000;
/// Slots are counted by the period in which they were taken, so that a recount need not stop
/// traffic.
const PERIOD_MS: u64 = 300_000;
/// Number of periods after which a slot is freed whatever happened to its task: 12 hours, twice the
/// longest run.
pub(super) const SLOT_PERIODS_MAX: u64 = 144;

/// A task's place in the fair queue, and later its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Numbers the tenant's tasks in order of arrival. Earlier releases stored it as `ticket`.
    #[serde(alias = "ticket")]
    pub number: u64,
    /// The tenant's weight when the task arrived.
    pub weight: u32,
    /// When the ticket was granted and the slot taken; `None` while the task waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
}

impl Ticket {
    pub fn waits(&self) -> bool {
        self.taken_at.is_none()
    }
}

/// The period in which a slot taken at this time is counted.
pub fn slot_period(taken_at: Timestamp) -> u64 {
    u64::try_from(taken_at.0).unwrap_or(0) / PERIOD_MS
}

/// All waiting tickets, and how much of the account is in use. New ones are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FairQueue {
    /// Virtual time: the start tag of the last call.
    pub(super) tag: u64,
    /// The first ticket number of a new queue: above all numbers given out by deleted queues.
    pub(super) first_ticket: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) credit: Option<Credit>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) called_at: Option<Timestamp>,
    /// How long a slot is held, as a moving average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) held_ms: Option<u64>,
    /// Slots in use, by the period in which they were taken.
    pub(super) slots: BTreeMap<u64, u32>,
    pub(super) queues: BTreeMap<TenantId, Queue>,
}

/// The time of a question, and the limits of the account.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) now: Timestamp,
    pub(super) capacity: Capacity,
}

impl FairQueue {
    /// Adds a new task to the end of its tenant's queue. Its ticket may be granted at once.
    pub(super) fn enter(&mut self, tenant: &TenantId, weight: u32, at: At) -> Ticket {
        self.refresh(at);
        let tag = self.tag;
        let queue = self.queue(tenant, weight);
        queue.weight = weight.max(1);
        let ticket = queue.give_ticket(tag);
        self.call(at);
        self.take(
            tenant,
            Ticket {
                number: ticket,
                weight,
                taken_at: None,
            },
            at,
        )
    }

    /// Grants the ticket of a waiting task if it was called. A ticket whose call expired is called
    /// again, first among its tenant's.
    ///
    /// The flag is false if the queue did not change.
    pub(super) fn check(&mut self, tenant: &TenantId, ticket: Ticket, at: At) -> (Ticket, bool) {
        let set_back = self.refresh(at);
        let tag = self.tag;
        let came_back = self
            .queue(tenant, ticket.weight)
            .come_back(ticket.number, tag);
        self.call(at);
        let ticket = self.take(tenant, ticket, at);
        (ticket, set_back || came_back || !ticket.waits())
    }

    /// Frees a task's place or slot. `unused`: nothing was submitted for it.
    pub(super) fn leave(&mut self, tenant: &TenantId, ticket: Ticket, unused: bool, at: At) {
        self.refresh(at);
        let was_called = self
            .queues
            .get_mut(tenant)
            .is_some_and(|queue| queue.leave(ticket.number));
        let unspent = match ticket.taken_at {
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

    /// Lowers the counts of periods before `until` to the number of slots that tasks were found to
    /// hold. Never raises a count: a slot may have been returned since the tasks were read, but
    /// none can have been taken in a past period.
    pub(super) fn recount(&mut self, found: &BTreeMap<u64, u32>, until: u64) -> bool {
        let before = self.slots.clone();
        for (period, count) in self.slots.range_mut(..until) {
            *count = (*count).min(found.get(period).copied().unwrap_or(0));
        }
        self.slots.retain(|_, count| *count > 0);
        before != self.slots
    }

    pub(super) fn queue(&mut self, tenant: &TenantId, weight: u32) -> &mut Queue {
        let (first, tag) = (self.first_ticket, self.tag);
        self.queues
            .entry(tenant.clone())
            .or_insert_with(|| Queue::new(first, weight, tag))
    }

    /// Calls tickets while there is capacity, always from the waiting queue with the smallest start
    /// tag.
    pub(super) fn call(&mut self, at: At) {
        while self.has_room(at.capacity) {
            let waiting = self.queues.values_mut().filter(|queue| queue.waiting() > 0);
            let Some(queue) = waiting.min_by_key(|queue| queue.tag) else {
                return;
            };
            self.tag = queue.tag;
            queue.call_next(at.now);
            self.called_at = Some(at.now);
            self.spend(at.capacity);
        }
    }

    pub(super) fn take(&mut self, tenant: &TenantId, ticket: Ticket, at: At) -> Ticket {
        let called = self
            .queues
            .get_mut(tenant)
            .is_some_and(|queue| queue.called.remove(&ticket.number).is_some());
        if called && at.capacity.concurrency.is_some() {
            *self.slots.entry(slot_period(at.now)).or_default() += 1;
        }
        self.forget_the_idle();
        Ticket {
            taken_at: called.then_some(at.now),
            ..ticket
        }
    }

    /// Does nothing for a slot that is no longer counted.
    pub(super) fn free_slot(&mut self, taken_at: Timestamp, unused: bool, now: Timestamp) {
        let period = slot_period(taken_at);
        let Some(count) = self.slots.get_mut(&period) else {
            return;
        };
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.slots.remove(&period);
        }
        if !unused {
            let held_ms = now.since_ms(taken_at);
            self.held_ms = Some(
                self.held_ms
                    .map_or(held_ms, |average| (average.saturating_mul(7) + held_ms) / 8),
            );
        }
    }

    /// Drops queues whose next task would be treated like a newcomer's. If nobody waits, that is
    /// all of them.
    pub(super) fn forget_the_idle(&mut self) {
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
