//! Slots of the provider's account that no task holds are freed.

use std::collections::BTreeMap;

use super::Sweeper;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::{Capacity, FairQueueQuestion, FairQueueRequest, slot_period};
use crate::domain::task::{State, Task};

impl Sweeper {
    /// Frees the slots that no task holds, as after a crash. `found` are those that tasks hold, by
    /// the period in which they were taken, as read from `begun` on. What was taken shortly before
    /// may not have been written yet, and is left for the next time.
    pub(super) async fn recount_slots(
        &self,
        found: BTreeMap<u64, u32>,
        begun: Timestamp,
    ) -> Result<()> {
        self.recount(found, slot_period(begun).saturating_sub(1))
            .await
    }

    /// The same at the start of a process that is the only one: nobody takes a slot meanwhile.
    pub async fn recount_all_slots(&self) -> Result<()> {
        if self.machine.capacity.is_none() {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        for tenant in self.context.tenants().ids().await? {
            let live = match self.live_tasks(&tenant, Timestamp(i64::MAX)).await {
                Ok(live) => live,
                // A count without them would free what they hold.
                Err(error) => {
                    let error = error.with_causes();
                    tracing::error!(tenant.id = %tenant, error, "slots are not recounted: a tenant's tasks cannot be read");
                    return Ok(());
                }
            };
            live.iter()
                .filter_map(held_period)
                .for_each(|period| *found.entry(period).or_default() += 1);
        }
        self.recount(found, u64::MAX).await
    }

    async fn recount(&self, found: BTreeMap<u64, u32>, until: u64) -> Result<()> {
        // Whoever counts need not know the limits.
        let capacity = self.machine.capacity.unwrap_or(Capacity {
            per_minute: None,
            concurrency: None,
        });
        let question = FairQueueQuestion::Recount { found, until };
        self.context
            .store
            .fair_queue()
            .ask(&FairQueueRequest {
                now: self.context.now(),
                capacity,
                question,
            })
            .await
            .map(drop)
    }
}

/// The period in which a live task took the slot that it holds, if it holds one.
pub(super) fn held_period(task: &Task) -> Option<u64> {
    let holds = !task.state.is_end() && task.state != State::Archiving;
    task.ticket
        .filter(|_| holds)
        .and_then(|ticket| ticket.taken_at)
        .map(slot_period)
}
