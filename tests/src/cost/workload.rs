//! Edits from submit to callback, and on to the last look of each task's watch.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use fluxgate_emulator::EmulatorConfig;
use serde_json::Value;
use tokio::task::JoinSet;

use super::counts::{Asked, Counts, Mark, Units, add_up};
use super::{FUNCTIONS, LANES};
use crate::gateway::emulator_config;
use crate::lambda::EventSource;
use crate::{LiveReceiver, Stack, StackOptions, TestTenant, eventually};

/// Longer than the gateway takes to write down that a run was accepted, as runs are.
const RUN_TIME: Duration = Duration::from_secs(3);
/// Clients that submit one task after the other.
const CLIENTS: usize = 4;

/// An installation with tenants that have one endpoint each, and nothing on its queues.
pub struct Workload {
    pub stack: Stack,
    /// What the start of one process asked, by function.
    pub cold_starts: Vec<ColdStart>,
    customers: Vec<Customer>,
    receiver: LiveReceiver,
    submitted: AtomicUsize,
}

/// What the processes of one function asked of AWS before they took an event.
#[derive(Debug)]
pub struct ColdStart {
    pub function: &'static str,
    pub processes: usize,
    pub calls: BTreeMap<Asked, Units>,
}

#[derive(Clone)]
struct Customer {
    tenant: TestTenant,
    inputs: Value,
}

impl Workload {
    /// Several tenants, because the tasks of one meet at its account.
    pub async fn start(tenants: usize) -> Self {
        let emulator = EmulatorConfig { run_time: RUN_TIME, ..emulator_config() };
        // Messages are hidden as deployed: one that came twice on a slow machine would be counted twice.
        let options = StackOptions { emulator, event_sources: false, hidden_s: None, ..StackOptions::default() };
        let stack = Stack::with(options).await;
        let cold_starts = cold_starts(&stack).await;
        let receiver = LiveReceiver::start().await;
        let mut customers = Vec::new();
        for n in 0..tenants {
            let tenant = stack.tenant(&format!("tenant-{n}"), "1000").await;
            tenant.endpoint(&receiver.url("events")).await;
            let inputs = tenant.inputs().await;
            customers.push(Customer { tenant, inputs });
        }
        Self { stack, cold_starts, customers, receiver, submitted: AtomicUsize::new(0) }
    }

    /// Runs this many tasks to the end of their watches, each with an `Idempotency-Key` or none with one.
    ///
    /// The watches, due some 15 s after the submit, are let in when all tasks are over: else the load of this machine decided
    /// whether one finds its task at work.
    pub async fn run(&self, tasks: usize, with_keys: bool) -> Counts {
        self.stack.calls.clear();
        let mark = Mark::of(&self.stack);
        let told = self.receiver.received().len() + tasks;
        let mut sources: BTreeMap<&'static str, EventSource> = BTreeMap::new();
        for (lane, _) in LANES.iter().filter(|(lane, _)| *lane != "watch") {
            sources.insert(lane, self.stack.event_source(lane));
        }
        self.submit(tasks, with_keys).await;
        eventually("a callback for each task", || async { (self.receiver.received().len() >= told).then_some(()) })
            .await;
        for (lane, source) in &sources {
            self.drained(lane, source, tasks).await;
        }
        sources.insert("watch", self.stack.event_source("watch"));
        self.drained("watch", &sources["watch"], tasks).await;
        let polled = sources.iter().map(|(lane, source)| (*lane, source.polled())).collect();
        Counts::since(&mark, &self.stack, tasks, polled)
    }

    async fn submit(&self, tasks: usize, with_keys: bool) {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS.min(tasks) {
            let count = tasks / CLIENTS + usize::from(client < tasks % CLIENTS);
            let first = self.submitted.fetch_add(count, Ordering::Relaxed);
            let customers = self.customers.clone();
            clients.spawn(async move {
                for n in first..first + count {
                    let Customer { tenant, inputs } = &customers[n % customers.len()];
                    if with_keys {
                        let answer = tenant.submit_with_key(inputs, &format!("order-{n}")).await;
                        assert_eq!(answer.status, 200, "{:?}", answer.body);
                    } else {
                        tenant.submit(inputs).await;
                    }
                }
            });
        }
        clients.join_all().await;
    }

    /// Until every message was worked on and deleted.
    async fn drained(&self, lane: &str, source: &EventSource, messages_min: usize) {
        eventually(&format!("the end of the {lane} queue"), || async {
            let polled = source.polled();
            let is_done = polled.messages >= messages_min && polled.deletes == polled.receives;
            (is_done && self.stack.messages(lane).await == 0).then_some(())
        })
        .await;
    }
}

/// Waits until every process is ready.
async fn cold_starts(stack: &Stack) -> Vec<ColdStart> {
    eventually("the functions to be ready", || async {
        stack.functions().all(|function| function.polls() >= function.processes()).then_some(())
    })
    .await;
    let calls = stack.calls.all();
    let of = |function: &'static str| ColdStart {
        function,
        processes: stack.function(function).processes(),
        calls: add_up(calls.iter().filter(|call| call.function == function)),
    };
    FUNCTIONS.map(of).into()
}
