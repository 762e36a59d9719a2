//! Standing in line for the provider's account. Where it is not limited there is no line, and nothing here asks anybody.

use std::collections::BTreeMap;

use super::Fluxgate;
use super::advance::Advanced;
use super::send::Started;
use crate::base::error::{Error, Result};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::{Capacity, FairQueueAnswer, FairQueueQuestion, FairQueueRequest, Ticket, slot_period};
use crate::domain::task::{Failure, Signal, State, Task};

/// A task's ticket, and when to look again while it waits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) ticket: Ticket,
    pub(super) check_after_ms: Option<u64>,
}

impl Entry {
    /// What has happened to the task.
    pub(super) fn signal(&self) -> Signal {
        if self.ticket.waits() { Signal::Queued(self.ticket) } else { Signal::SlotGranted(self.ticket) }
    }
}

impl Fluxgate {
    /// A place for a new task, or its ticket. `None` where there is no line.
    pub(super) async fn join_fair_queue(&self, tenant: &TenantId, weight: u32) -> Result<Option<Entry>> {
        let question = FairQueueQuestion::Enter { tenant: tenant.clone(), weight };
        self.ask_fair_queue(question).await?.map(place).transpose()
    }

    /// Gives a place or a slot back. What is lost here a recount finds.
    pub(super) async fn leave_fair_queue(&self, tenant: &TenantId, ticket: Ticket, unused: bool) {
        let holds_slot = self.settings.capacity.is_some_and(|capacity| capacity.concurrency.is_some());
        if !(holds_slot || unused || ticket.waits()) {
            return;
        }
        let question = FairQueueQuestion::Leave { tenant: tenant.clone(), ticket, unused };
        if let Err(error) = self.ask_fair_queue(question).await {
            let error = error.with_causes();
            tracing::warn!(tenant.id = %tenant, error, "a slot of the provider's account stays taken until it is recounted");
        }
    }

    /// True for a task that may not be submitted before its ticket.
    pub(super) fn waits_in_line(&self, task: &Task) -> bool {
        let limited = task.state == State::Admitted && self.settings.capacity.is_some();
        limited && task.ticket.is_none_or(|ticket| ticket.waits())
    }

    /// Submits a waiting task if its ticket has come.
    pub(super) async fn look_in_line(&self, task: Task) -> Result<Advanced> {
        if self.now().since_ms(task.created_at) >= self.bounds().fair_queue_max_ms {
            let text =
                "the model's account was too busy to take the task in time; nothing was charged, submit it again";
            return self.give_up(task, Failure::new(5003, "fair_queue_timeout", text)).await.map(Advanced::from);
        }
        let question = match task.ticket {
            Some(ticket) => FairQueueQuestion::Check { tenant: task.tenant.clone(), ticket },
            // It was admitted before the account had limits.
            None => {
                let weight = self.ports.store.tenants().get_eventual(&task.tenant).await?.limits.weight();
                FairQueueQuestion::Enter { tenant: task.tenant.clone(), weight }
            }
        };
        let Some(answer) = self.ask_fair_queue(question).await? else { return Ok(task.into()) };
        let Entry { ticket, check_after_ms } = place(answer)?;
        if !ticket.waits() {
            return self.send_in_turn(task, ticket).await.map(Advanced::from);
        }
        let task = if task.ticket.is_none() { self.signal(task, Signal::Queued(ticket)).await?.task() } else { task };
        Ok(Advanced { task, check_after_ms })
    }

    async fn send_in_turn(&self, task: Task, ticket: Ticket) -> Result<Task> {
        let tenant = task.tenant.clone();
        match self.start(task, Signal::SlotGranted(ticket)).await {
            Ok(Started::Now(task, inputs)) => self.send(*task, &inputs).await,
            // It went another way meanwhile.
            Ok(Started::NotNow(task)) => {
                self.leave_fair_queue(&tenant, ticket, true).await;
                Ok(*task)
            }
            Err(error) => {
                self.leave_fair_queue(&tenant, ticket, true).await;
                Err(error)
            }
        }
    }

    /// Frees the slots that no task holds, as after a crash. `found` are those that tasks hold, by the period in which they were taken,
    /// as read from `begun` on. What was taken shortly before may not have been written yet, and is left for the next time.
    pub async fn recount_slots(&self, found: BTreeMap<u64, u32>, begun: Timestamp) -> Result<()> {
        self.recount(found, slot_period(begun).saturating_sub(1)).await
    }

    /// The same at the start of a process that is the only one: nobody takes a slot meanwhile.
    pub async fn recount_all_slots(&self) -> Result<()> {
        if self.settings.capacity.is_none() {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        for tenant in self.ports.store.tenants().ids().await? {
            let live = match self.live_tasks(&tenant, Timestamp(i64::MAX)).await {
                Ok(live) => live,
                // A count without them would free what they hold.
                Err(error) => {
                    let error = error.with_causes();
                    tracing::error!(tenant.id = %tenant, error, "slots are not recounted: a tenant's tasks cannot be read");
                    return Ok(());
                }
            };
            live.iter().filter_map(held_period).for_each(|period| *found.entry(period).or_default() += 1);
        }
        self.recount(found, u64::MAX).await
    }

    async fn recount(&self, found: BTreeMap<u64, u32>, until: u64) -> Result<()> {
        // Whoever counts need not know the limits.
        let capacity = self.settings.capacity.unwrap_or(Capacity { per_minute: None, concurrency: None });
        let question = FairQueueQuestion::Recount { found, until };
        self.ports.store.fair_queue().ask(&FairQueueRequest { now: self.now(), capacity, question }).await.map(drop)
    }

    async fn ask_fair_queue(&self, question: FairQueueQuestion) -> Result<Option<FairQueueAnswer>> {
        let Some(capacity) = self.settings.capacity else { return Ok(None) };
        let request = FairQueueRequest { now: self.now(), capacity, question };
        self.ports.store.fair_queue().ask(&request).await.map(Some)
    }
}

fn place(answer: FairQueueAnswer) -> Result<Entry> {
    match answer {
        FairQueueAnswer::Taken(ticket) => Ok(Entry { ticket, check_after_ms: None }),
        FairQueueAnswer::Waits { ticket, check_after_ms } => Ok(Entry { ticket, check_after_ms: Some(check_after_ms) }),
        FairQueueAnswer::Done => Err(Error::internal("line", "the line answered another question")),
    }
}

/// The period in which a live task took the slot that it holds, if it holds one.
pub(super) fn held_period(task: &Task) -> Option<u64> {
    let holds = !task.state.is_end() && task.state != State::Archiving;
    task.ticket.filter(|_| holds).and_then(|ticket| ticket.taken_at).map(slot_period)
}
