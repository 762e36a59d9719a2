//! Frees slots of the provider's account that no task holds.

use std::collections::BTreeMap;

use super::Sweeper;
use crate::base::error::Result;
use crate::base::time::Timestamp;
use crate::domain::fair_queue::{Capacity, FairQueueQuestion, FairQueueRequest, slot_period};
use crate::domain::task::{State, Task};

impl Sweeper {
    /// Frees slots that no task holds, for example after a crash. `found` counts the slots held by
    /// tasks, by the period in which they were taken, in a read that started at `begun`. Slots
    /// taken shortly before are left for the next recount, because their task may not have been
    /// written yet.
    pub(super) async fn recount_slots(
        &self,
        found: BTreeMap<u64, u32>,
        begun: Timestamp,
    ) -> Result<()> {
        self.recount(found, slot_period(begun).saturating_sub(1))
            .await
    }

    /// As `recount_slots`, at the startup of the only process: nobody takes slots
    /// meanwhile.
    pub async fn recount_all_slots(&self) -> Result<()> {
        if self.machine.capacity.is_none() {
            return Ok(());
        }
        let mut found = BTreeMap::new();
        for tenant in self.context.tenants().ids().await? {
            let live = match self.live_tasks(&tenant, Timestamp(i64::MAX)).await {
                Ok(live) => live,
                // A count without these tasks would free the slots they hold.
                Err(error) => {
                    let error = error.with_causes();
                    tracing::error!(tenant.id = %tenant, error, "could not read a tenant's tasks; the slots at the provider are not recounted until the next sweep");
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
        // A recount does not need to know the limits.
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

/// The period in which a live task took its slot, if it holds one.
pub(super) fn held_period(task: &Task) -> Option<u64> {
    let holds = !task.state.is_end() && task.state != State::Archiving;
    task.ticket
        .filter(|_| holds)
        .and_then(|ticket| ticket.taken_at)
        .map(slot_period)
}
