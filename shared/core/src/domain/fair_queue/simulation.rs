//! Simulates tasks in the fair queue in virtual time: each sleeps as long as it is told and checks
//! again.

use std::collections::BTreeMap;

use super::{Capacity, FairQueue, FairQueueAnswer, FairQueueQuestion, FairQueueRequest, Ticket};
use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// A submit that was sent: its tenant, its ordinal among that tenant's, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) tenant: TenantId,
    pub(super) n: usize,
    pub(super) at: i64,
}

#[derive(Debug, Clone)]
struct Asleep {
    tenant: TenantId,
    n: usize,
    ticket: Ticket,
}

pub(super) struct Simulation {
    pub(super) line: FairQueue,
    pub(super) capacity: Capacity,
    pub(super) now: i64,
    pub(super) run_ms: i64,
    pub(super) started: Vec<Started>,
    /// Number of tickets called, over time.
    pub(super) calls: Vec<(i64, u64)>,
    asleep: BTreeMap<(i64, u64), Asleep>,
    running: BTreeMap<(i64, u64), (TenantId, Ticket)>,
    submitted: BTreeMap<TenantId, usize>,
    sequence: u64,
}

pub(super) fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

impl Simulation {
    pub(super) fn new(capacity: Capacity, run_ms: i64) -> Self {
        let (started, calls) = (Vec::new(), Vec::new());
        let (asleep, running, submitted) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let line = FairQueue::default();
        Self {
            line,
            capacity,
            now: 1_000_000,
            run_ms,
            started,
            calls,
            asleep,
            running,
            submitted,
            sequence: 0,
        }
    }

    pub(super) fn ask(&mut self, question: FairQueueQuestion) -> FairQueueAnswer {
        let request = FairQueueRequest {
            now: Timestamp(self.now),
            capacity: self.capacity,
            question,
        };
        // Like a store: changes that need not be written are lost.
        let mut line = self.line.clone();
        let (answer, changed) = line.answer(&request);
        if changed {
            self.line = line;
        }
        answer
    }

    pub(super) fn submit(&mut self, tenant: &TenantId, weight: u32, count: usize) {
        for _ in 0..count {
            let n = self.submitted.entry(tenant.clone()).or_default();
            *n += 1;
            let n = *n - 1;
            let answer = self.ask(FairQueueQuestion::Enter {
                tenant: tenant.clone(),
                weight,
            });
            self.told(tenant, n, answer);
        }
    }

    fn told(&mut self, tenant: &TenantId, n: usize, answer: FairQueueAnswer) {
        self.sequence += 1;
        match answer {
            FairQueueAnswer::Taken(ticket) => {
                self.check_order(tenant, n);
                self.started.push(Started {
                    tenant: tenant.clone(),
                    n,
                    at: self.now,
                });
                self.running.insert(
                    (self.now + self.run_ms, self.sequence),
                    (tenant.clone(), ticket),
                );
            }
            FairQueueAnswer::Waits {
                ticket,
                check_after_ms,
            } => {
                let due = self.now + i64::try_from(check_after_ms).unwrap();
                self.asleep.insert(
                    (due, self.sequence),
                    Asleep {
                        tenant: tenant.clone(),
                        n,
                        ticket,
                    },
                );
            }
            FairQueueAnswer::Done => panic!("an answer to a different question"),
        }
        self.check();
    }

    /// No task may start before an earlier task of its tenant was called.
    fn check_order(&self, tenant: &TenantId, n: usize) {
        let earlier = self
            .asleep
            .values()
            .filter(|it| it.tenant == *tenant && it.n < n);
        let mut called = earlier.map(|it| {
            self.line.queues[tenant]
                .called
                .contains_key(&it.ticket.number)
        });
        assert!(
            called.all(|called| called),
            "task {n} of {tenant} overtook another"
        );
    }

    fn check(&mut self) {
        if let Some(most) = self.capacity.concurrency {
            assert!(
                self.running.len() <= most as usize,
                "{} run at once",
                self.running.len()
            );
        }
        let called: usize = self
            .line
            .queues
            .values()
            .map(|queue| queue.called.len())
            .sum();
        self.calls
            .push((self.now, (self.started.len() + called) as u64));
    }

    /// Processes the next event. False if there is none.
    pub(super) fn step(&mut self) -> bool {
        let ends = self.running.keys().next().copied();
        let wakes = self.asleep.keys().next().copied();
        match (ends, wakes) {
            (Some(end), wake) if wake.is_none_or(|wake| end.0 <= wake.0) => {
                let (tenant, ticket) = self.running.remove(&end).unwrap();
                self.now = end.0;
                self.ask(FairQueueQuestion::Leave {
                    tenant,
                    ticket,
                    unused: false,
                });
            }
            (_, Some(wake)) => {
                let Asleep { tenant, n, ticket } = self.asleep.remove(&wake).unwrap();
                self.now = self.now.max(wake.0);
                let answer = self.ask(FairQueueQuestion::Check {
                    tenant: tenant.clone(),
                    ticket,
                });
                self.told(&tenant, n, answer);
            }
            (_, None) => return false,
        }
        true
    }

    pub(super) fn run_until(&mut self, mut until: impl FnMut(&Self) -> bool) {
        for _ in 0..5_000_000_u32 {
            if until(self) || !self.step() {
                return;
            }
        }
        panic!("the queue does not move: {:?}", self.line);
    }

    /// Runs until nobody waits or runs.
    pub(super) fn run(&mut self) {
        self.run_until(|_| false);
    }

    pub(super) fn position(&self, tenant: &TenantId, n: usize) -> Option<usize> {
        self.started
            .iter()
            .position(|started| started.tenant == *tenant && started.n == n)
    }

    /// Drops a tenant's wakes, as if they were lost.
    pub(super) fn forget_sleepers(&mut self, tenant: &TenantId) -> Vec<Ticket> {
        let gone: Vec<_> = self
            .asleep
            .iter()
            .filter(|(_, it)| it.tenant == *tenant)
            .map(|(key, _)| *key)
            .collect();
        gone.iter()
            .filter_map(|key| self.asleep.remove(key))
            .map(|asleep| asleep.ticket)
            .collect()
    }
}
