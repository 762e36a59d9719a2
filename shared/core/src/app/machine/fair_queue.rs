//! Waiting in the fair queue for the provider's account. If the account has no limit, there is no
//! queue and nothing here does any work.

use super::Machine;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::domain::fair_queue::{FairQueueAnswer, FairQueueQuestion, FairQueueRequest, Ticket};
use crate::domain::task::{Signal, State, Task};

/// A task's ticket, and when to check again while it waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) ticket: Ticket,
    pub(crate) check_after_ms: Option<u64>,
}

impl Entry {
    /// The signal that records the ticket in the task.
    pub(crate) fn signal(&self) -> Signal {
        if self.ticket.waits() {
            Signal::Queued(self.ticket)
        } else {
            Signal::SlotGranted(self.ticket)
        }
    }
}

impl Machine {
    /// Enters the fair queue for a new task. `None` if the account is not limited.
    pub(crate) async fn join_fair_queue(
        &self,
        tenant: &TenantId,
        weight: u32,
    ) -> Result<Option<Entry>> {
        let question = FairQueueQuestion::Enter {
            tenant: tenant.clone(),
            weight,
        };
        self.ask_fair_queue(question).await?.map(place).transpose()
    }

    /// Returns a place or a slot. If this fails, a recount frees it.
    pub(crate) async fn leave_fair_queue(&self, tenant: &TenantId, ticket: Ticket, unused: bool) {
        let holds_slot = self
            .capacity
            .is_some_and(|capacity| capacity.concurrency.is_some());
        if !(holds_slot || unused || ticket.waits()) {
            return;
        }
        let question = FairQueueQuestion::Leave {
            tenant: tenant.clone(),
            ticket,
            unused,
        };
        if let Err(error) = self.ask_fair_queue(question).await {
            let error = error.with_causes();
            tracing::warn!(tenant.id = %tenant, error, "could not release a provider slot; the next recount will free it");
        }
    }

    /// True if the task must wait for its ticket before it may be submitted.
    pub(crate) fn waits_in_line(&self, task: &Task) -> bool {
        let limited = task.state == State::Admitted && self.capacity.is_some();
        limited && task.ticket.is_none_or(|ticket| ticket.waits())
    }

    pub(crate) async fn ask_fair_queue(
        &self,
        question: FairQueueQuestion,
    ) -> Result<Option<FairQueueAnswer>> {
        let Some(capacity) = self.capacity else {
            return Ok(None);
        };
        let request = FairQueueRequest {
            now: self.context.now(),
            capacity,
            question,
        };
        self.context
            .store
            .fair_queue()
            .ask(&request)
            .await
            .map(Some)
    }
}

pub(crate) fn place(answer: FairQueueAnswer) -> Result<Entry> {
    match answer {
        FairQueueAnswer::Taken(ticket) => Ok(Entry {
            ticket,
            check_after_ms: None,
        }),
        FairQueueAnswer::Waits {
            ticket,
            check_after_ms,
        } => Ok(Entry {
            ticket,
            check_after_ms: Some(check_after_ms),
        }),
        FairQueueAnswer::Done => Err(Error::internal(
            "line",
            "the fair queue answered a different question",
        )),
    }
}
