//! Questions to the fair queue as data, so that every store can ask them inside its own
//! transaction.

use std::collections::BTreeMap;

use super::capacity::Capacity;
use super::order::{At, FairQueue, Ticket};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// One question, with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FairQueueRequest {
    pub now: Timestamp,
    pub capacity: Capacity,
    pub question: FairQueueQuestion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FairQueueQuestion {
    /// Adds a new task to the end of its tenant's queue.
    Enter { tenant: TenantId, weight: u32 },
    /// Asks whether a waiting task's ticket was called.
    Check { tenant: TenantId, ticket: Ticket },
    /// Returns a task's slot or place. `unused`: nothing was submitted for it.
    Leave {
        tenant: TenantId,
        ticket: Ticket,
        unused: bool,
    },
    /// The slots that tasks were found to hold, by period: slots counted beyond these before the
    /// period `until` are freed.
    Recount {
        found: BTreeMap<u64, u32>,
        until: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FairQueueAnswer {
    /// The ticket is granted, and a slot belongs to the task until it leaves.
    Taken(Ticket),
    /// The task keeps this place and checks again after this delay.
    Waits { ticket: Ticket, check_after_ms: u64 },
    /// A task left, or slots were recounted.
    Done,
}

impl FairQueue {
    /// Answers, and returns true if the queue has changed and must be written.
    pub fn answer(&mut self, request: &FairQueueRequest) -> (FairQueueAnswer, bool) {
        let at = At {
            now: request.now,
            capacity: request.capacity,
        };
        match &request.question {
            FairQueueQuestion::Enter { tenant, weight } => {
                let ticket = self.enter(tenant, *weight, at);
                (self.tell(tenant, ticket, at), true)
            }
            FairQueueQuestion::Check { tenant, ticket } => {
                let (ticket, changed) = self.check(tenant, *ticket, at);
                (self.tell(tenant, ticket, at), changed)
            }
            FairQueueQuestion::Leave {
                tenant,
                ticket,
                unused,
            } => {
                self.leave(tenant, *ticket, *unused, at);
                (FairQueueAnswer::Done, true)
            }
            FairQueueQuestion::Recount { found, until } => {
                (FairQueueAnswer::Done, self.recount(found, *until))
            }
        }
    }

    fn tell(&self, tenant: &TenantId, ticket: Ticket, at: At) -> FairQueueAnswer {
        match ticket.waits() {
            true => FairQueueAnswer::Waits {
                ticket,
                check_after_ms: self.check_after_ms(tenant, ticket, at),
            },
            false => FairQueueAnswer::Taken(ticket),
        }
    }
}
