//! The fair queue as the operator sees it: what is in use, and who waits for how much.

use super::capacity::Capacity;
use super::order::{At, FairQueue, Ticket};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FairQueueReport {
    /// Slots that tasks hold.
    pub slots_taken: u64,
    /// Slots that are kept for tasks whose ticket was called.
    pub slots_called: u64,
    /// Those who wait, the longest queue first.
    pub waiting: Vec<WaitingTenant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingTenant {
    pub tenant: TenantId,
    pub weight: u32,
    /// Tasks that wait for their ticket to be called.
    pub tasks: u64,
    /// Tasks whose ticket was called, and which did not come yet.
    pub called: u64,
    /// How long the last of them will wait, at the pace of late.
    pub expected_wait_ms: u64,
}

impl FairQueue {
    /// As of this moment.
    #[must_use]
    pub fn report(&self, now: Timestamp, capacity: Capacity) -> FairQueueReport {
        let at = At { now, capacity };
        let mut queue = self.clone();
        queue.refresh(at);
        let called: u64 = queue
            .queues
            .values()
            .map(|one| one.called.len() as u64)
            .sum();
        let mut waiting: Vec<WaitingTenant> = queue
            .queues
            .iter()
            .filter(|(_, one)| one.waiting() > 0 || !one.called.is_empty())
            .map(|(tenant, one)| WaitingTenant {
                tenant: tenant.clone(),
                weight: one.weight,
                tasks: one.waiting(),
                called: one.called.len() as u64,
                expected_wait_ms: queue.wait_of_the_last_ms(tenant, one.next, at),
            })
            .collect();
        waiting.sort_by_key(|one| std::cmp::Reverse(one.tasks));
        FairQueueReport {
            slots_taken: queue.in_use() - called,
            slots_called: called,
            waiting,
        }
    }

    fn wait_of_the_last_ms(&self, tenant: &TenantId, next: u64, at: At) -> u64 {
        let last = Ticket {
            number: next.saturating_sub(1),
            weight: 1,
            taken_at: None,
        };
        self.ahead_of(tenant, last)
            .saturating_add(1)
            .saturating_mul(self.pace_ms(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_AT_ONCE: Capacity = Capacity {
        per_minute: None,
        concurrency: Some(1),
    };

    fn tenant(id: &str) -> TenantId {
        TenantId::parse(id).unwrap()
    }

    #[test]
    fn it_says_what_is_in_use_and_who_waits() {
        let at = At {
            now: Timestamp(1_000),
            capacity: ONE_AT_ONCE,
        };
        let mut queue = FairQueue::default();
        for id in ["acme", "acme", "bolt", "acme"] {
            queue.enter(&tenant(id), 1, at);
        }

        let report = queue.report(at.now, ONE_AT_ONCE);

        assert_eq!((report.slots_taken, report.slots_called), (1, 0));
        let waiting: Vec<_> = report
            .waiting
            .iter()
            .map(|one| (one.tenant.as_str(), one.tasks))
            .collect();
        assert_eq!(waiting, [("acme", 2), ("bolt", 1)]);
        assert!(report.waiting[0].expected_wait_ms > report.waiting[1].expected_wait_ms);
    }

    #[test]
    fn nobody_waits_in_a_new_queue() {
        let report = FairQueue::default().report(Timestamp(0), ONE_AT_ONCE);

        assert_eq!((report.slots_taken, report.waiting), (0, Vec::new()));
    }
}
