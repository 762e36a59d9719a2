//! What is asked of the line, as data, so that every store can ask it inside its own transaction.

use std::collections::BTreeMap;

use super::capacity::Capacity;
use super::order::{At, FairQueue, Ticket};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// One question, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FairQueueRequest {
    pub now: Timestamp,
    pub capacity: Capacity,
    pub question: FairQueueQuestion,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FairQueueQuestion {
    /// A new task goes to the end of its tenant's queue.
    Enter { tenant: TenantId, weight: u32 },
    /// A waiting task asks whether its ticket has come.
    Check { tenant: TenantId, ticket: Ticket },
    /// A task gives back its slot, or its place. `unused`: nothing was submitted for it.
    Leave {
        tenant: TenantId,
        ticket: Ticket,
        unused: bool,
    },
    /// The slots that tasks were found to hold, by period: what is counted beyond them before the
    /// period `until` is free.
    Recount {
        found: BTreeMap<u64, u32>,
        until: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FairQueueAnswer {
    /// It is this task's ticket, and a slot is its own until it leaves.
    Taken(Ticket),
    /// The task keeps this place and looks again after so long.
    Waits { ticket: Ticket, check_after_ms: u64 },
    /// A task left, or the slots were counted.
    Done,
}

impl FairQueue {
    /// Answers, and tells whether the line is another than before and must be written.
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
