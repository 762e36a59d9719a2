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
use crate::{LiveReceiver, Stack, StackOptions, TestTenant, Waits, eventually};

/// Longer than the gateway takes to write down that a run was accepted, as runs are.
const RUN_TIME: Duration = Duration::from_secs(3);
/// Clients that submit one task after the other.
const CLIENTS: usize = 4;

/// An installation with tenants that have one endpoint each, and nothing on its queues.
pub struct Workload {
    pub stack: Stack,
    /// What the start of one process asked, by function.
    pub cold_starts: Vec<ColdStart>,
    /// One for each tenant, without a key yet.
    customers: Vec<Order>,
    receiver: LiveReceiver,
    submitted: AtomicUsize,
}

/// How tasks come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Traffic {
    /// From several clients at once, each with one token.
    Busy,
    /// One after the other's callback, each with a token that no process knows.
    Sparse,
}

/// What the processes of one function asked of AWS before they took an event.
#[derive(Debug)]
pub struct ColdStart {
    pub function: &'static str,
    pub processes: usize,
    pub calls: BTreeMap<Asked, Units>,
}

/// What a tenant submits.
#[derive(Clone)]
struct Order {
    tenant: TestTenant,
    inputs: Value,
    key: Option<String>,
}

impl Order {
    async fn place(&self) {
        match &self.key {
            None => drop(self.tenant.submit(&self.inputs).await),
            Some(key) => assert_eq!(
                self.tenant.submit_with_key(&self.inputs, key).await.status,
                200
            ),
        }
    }
}

impl Workload {
    /// Several tenants, because the tasks of one meet at its account.
    pub async fn start(tenants: usize) -> Self {
        let emulator = EmulatorConfig {
            run_time: RUN_TIME,
            ..emulator_config()
        };
        // With a short visibility timeout a message might come twice on a slow machine.
        let options = StackOptions {
            emulator,
            event_sources: false,
            waits: Waits::AsDeployed,
            ..StackOptions::default()
        };
        let stack = Stack::with(options).await;
        let cold_starts = cold_starts(&stack).await;
        let receiver = LiveReceiver::start().await;
        let mut customers = Vec::new();
        for n in 0..tenants {
            let tenant = stack.tenant(&format!("tenant-{n}"), "1000").await;
            tenant.endpoint(&receiver.url("events")).await;
            let inputs = tenant.inputs().await;
            customers.push(Order {
                tenant,
                inputs,
                key: None,
            });
        }
        Self {
            stack,
            cold_starts,
            customers,
            receiver,
            submitted: AtomicUsize::new(0),
        }
    }

    /// Runs this many tasks to the end of their watches, each with an `Idempotency-Key` or none
    /// with one.
    ///
    /// The watches, due some 15 s after the submit, are let in when all tasks are over: otherwise
    /// the machine's load would decide whether a watch finds its task still running.
    pub async fn run(&self, tasks: usize, traffic: Traffic, with_keys: bool) -> Counts {
        self.stack.calls.clear();
        let mark = Mark::of(&self.stack);
        let early = LANES.iter().filter(|(lane, _)| *lane != "watch");
        let mut sources: BTreeMap<_, _> = early
            .map(|(lane, _)| (*lane, self.stack.event_source(lane)))
            .collect();
        self.submit(tasks, traffic, with_keys).await;
        for (lane, source) in &sources {
            self.drained(lane, source, tasks).await;
        }
        sources.insert("watch", self.stack.event_source("watch"));
        self.drained("watch", &sources["watch"], tasks).await;
        let polled = sources
            .iter()
            .map(|(lane, source)| (*lane, source.polled()))
            .collect();
        Counts::since(&mark, &self.stack, tasks, polled)
    }

    /// Returns when each task's callback is there.
    async fn submit(&self, tasks: usize, traffic: Traffic, with_keys: bool) {
        let told = self.receiver.received().len();
        let first = self.submitted.fetch_add(tasks, Ordering::Relaxed);
        let orders: Vec<Order> = (first..first + tasks)
            .map(|n| self.order(n, traffic, with_keys))
            .collect();
        if traffic == Traffic::Sparse {
            for (n, order) in orders.iter().enumerate() {
                order.place().await;
                self.told(told + n + 1).await;
            }
            return;
        }
        let mut clients = JoinSet::new();
        for orders in orders
            .chunks(tasks.div_ceil(CLIENTS))
            .map(<[Order]>::to_vec)
        {
            clients.spawn(async move {
                for order in orders {
                    order.place().await;
                }
            });
        }
        clients.join_all().await;
        self.told(told + tasks).await;
    }

    fn order(&self, n: usize, traffic: Traffic, with_key: bool) -> Order {
        let mut order = self.customers[n % self.customers.len()].clone();
        if traffic == Traffic::Sparse {
            order.tenant.token = self.stack.token(&order.tenant.id);
        }
        order.key = with_key.then(|| format!("order-{n}"));
        order
    }

    async fn told(&self, callbacks: usize) {
        eventually("the callbacks", || async {
            (self.receiver.received().len() >= callbacks).then_some(())
        })
        .await;
    }

    /// Until every message was worked on and deleted.
    async fn drained(&self, lane: &str, source: &EventSource, messages_min: usize) {
        eventually(&format!("the end of the {lane} queue"), || async {
            let polled = source.polled();
            let is_done = polled.messages >= messages_min && polled.deletes == polled.batches;
            (is_done && self.stack.messages(lane).await == 0).then_some(())
        })
        .await;
    }
}

/// Waits until every process is ready.
async fn cold_starts(stack: &Stack) -> Vec<ColdStart> {
    eventually("the functions to be ready", || async {
        stack
            .functions()
            .all(|function| function.polls() >= function.processes())
            .then_some(())
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
