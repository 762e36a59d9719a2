//! The line itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::capacity::{Capacity, Credit};
use super::queue::Queue;
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// How long a slot is kept for a called ticket whose task does not come: longer than any task
/// sleeps between two looks.
pub(super) const CALLED_MAX_MS: u64 = 120_000;
/// Slots are counted by the period in which they were taken, so that a recount need not stop the
/// traffic.
const PERIOD_MS: u64 = 300_000;
/// Periods after which a slot is free whatever became of its task: 12 hours, twice what a run may
/// take.
pub(super) const SLOT_PERIODS_MAX: u64 = 144;

/// A task's place in the line, and later its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Counts the tenant's tasks in the order in which they came. Earlier releases wrote it as
    /// `ticket`.
    #[serde(alias = "ticket")]
    pub number: u64,
    /// The tenant's weight when the task came.
    pub weight: u32,
    /// When the ticket came and the slot was taken; `None` while the task waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
}

impl Ticket {
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
pub struct FairQueue {
    /// Virtual time: the start tag of the last call.
    pub(super) tag: u64,
    /// Where the tickets of a new queue begin: above all that were given out by queues that are no
    /// more.
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

/// When something is asked, and what the account bears.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    pub(super) now: Timestamp,
    pub(super) capacity: Capacity,
}

impl FairQueue {
    /// A new task at the end of its tenant's queue. Its ticket may come at once.
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

    /// Takes the ticket of a waiting task if it has come. A ticket that was called in vain is
    /// called again, first of its tenant's.
    ///
    /// False when the line is none the wiser.
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

    /// A task's place or slot is free again. `unused`: nothing was submitted for it.
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

    /// Lowers the counts of the periods before `until` to what tasks were found to hold. It raises
    /// none: a slot may have been given back since the tasks were read, but none can have been
    /// taken in a period that is over.
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

    /// Calls tickets while the capacity lasts, each of the waiting queue with the smallest start
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

    /// Nothing happens to a slot that is counted no more.
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

    /// A queue whose next task would be treated as a newcomer's need not be kept. When nobody
    /// waits, that is true of all.
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
