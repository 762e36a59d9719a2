//! Tasks and exports in any order: the exported events are exactly what was charged.

use std::collections::{BTreeMap, BTreeSet};

use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::MicroUsd;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{Clock as _, Ids as _};
use fluxgate_core::task::{Failure, Signal, State, Task};
use fluxgate_core::time::Timestamp;
use proptest::prelude::{Strategy, any, prop_oneof};
use serde_json::Value;

use super::usage_export::{SETTLE_MS, World, id};
use super::{Stores, admission, archived, finished, fresh_run};

/// One thing that happens. Numbers choose among the tasks that run.
#[derive(Debug, Clone)]
pub enum Event {
    Pass {
        ms: i64,
    },
    /// A task that is written this long after its id was made.
    Submit {
        late_ms: i64,
        price: i64,
    },
    Complete {
        task: usize,
    },
    Fail {
        task: usize,
    },
    Export,
    /// An export that ends before it is remembered.
    Crash,
    Restart,
}

pub fn events() -> impl Strategy<Value = Event> {
    let task = || any::<u8>().prop_map(usize::from);
    prop_oneof![
        3 => (1..SETTLE_MS).prop_map(|ms| Event::Pass { ms }),
        5 => (prop_oneof![0..50_i64, 0..SETTLE_MS], 0..90_000_i64)
            .prop_map(|(late_ms, price)| Event::Submit { late_ms, price }),
        5 => task().prop_map(|task| Event::Complete { task }),
        1 => task().prop_map(|task| Event::Fail { task }),
        4 => proptest::strategy::Just(Event::Export),
        1 => proptest::strategy::Just(Event::Crash),
        1 => proptest::strategy::Just(Event::Restart),
    ]
}

/// Lets the events happen one after the other and looks at the file after each export.
pub async fn what_is_told_is_what_was_charged(stores: Stores, events: Vec<Event>) {
    let mut world = Told {
        tenant: stores.funded(1_000).await,
        world: World::over(stores),
        running: Vec::new(),
    };
    for event in events.iter().chain([&Event::Export]) {
        world.happens(event).await;
        if matches!(event, Event::Export) {
            world.check(&events).await;
        }
    }
}

struct Told {
    tenant: TenantId,
    world: World,
    running: Vec<Task>,
}

impl Told {
    async fn happens(&mut self, event: &Event) {
        match *event {
            Event::Pass { ms } => self.world.clock.pass_ms(ms),
            Event::Submit { late_ms, price } => self.submit(late_ms, price).await,
            Event::Complete { task } => {
                let Some(task) = self.chosen(task) else {
                    return;
                };
                let task = self.world.stores.signal(&task, finished(fresh_run())).await;
                self.world.stores.signal(&task, archived()).await;
            }
            Event::Fail { task } => {
                let Some(task) = self.chosen(task) else {
                    return;
                };
                self.world
                    .stores
                    .signal(
                        &task,
                        Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
                    )
                    .await;
            }
            Event::Export => assert!(self.world.export(&self.tenant).await.complete),
            Event::Crash => self.world.export_and_forget(&self.tenant).await,
            Event::Restart => self.world.export.restart(&self.tenant).await.unwrap(),
        }
    }

    async fn submit(&mut self, late_ms: i64, price: i64) {
        let made = Timestamp(self.world.clock.now().0 - late_ms);
        let mut admission = admission(&self.tenant);
        admission.task.id = SystemEntropy.task_id(made);
        admission.task.price = MicroUsd(price);
        self.running.push(admission.task.clone());
        self.world.stores.tasks.admit(admission).await.unwrap();
    }

    fn chosen(&mut self, task: usize) -> Option<Task> {
        (!self.running.is_empty()).then(|| self.running.swap_remove(task % self.running.len()))
    }

    async fn check(&self, events: &[Event]) {
        let mut told: BTreeMap<TaskId, BTreeSet<String>> = BTreeMap::new();
        for line in self.world.lines() {
            told.entry(id(&line)).or_default().insert(line);
        }
        let tasks = self
            .world
            .stores
            .tasks
            .list(&self.tenant, None, 1_000)
            .await
            .unwrap();
        let completed = tasks
            .iter()
            .filter(|task| task.state == State::Completed)
            .map(|task| task.id.clone());
        assert_eq!(
            told.keys().cloned().collect::<BTreeSet<_>>(),
            completed.collect(),
            "after {events:?}"
        );
        assert!(
            told.values().all(|lines| lines.len() == 1),
            "the same event always has the same text: {told:?}"
        );
        let charged = told
            .values()
            .flatten()
            .map(|line| charged(line))
            .sum::<i64>();
        let account = self
            .world
            .stores
            .accounts
            .account(&self.tenant)
            .await
            .unwrap();
        assert_eq!(charged, account.captured.0, "after {events:?}");
    }
}

fn charged(line: &str) -> i64 {
    serde_json::from_str::<Value>(line).unwrap()["data"]["charged_micro_usd"]
        .as_i64()
        .unwrap()
}
