//! Whatever happens to tasks, in whatever order: the account, the ledger and the tasks tell the same story.

use std::collections::BTreeMap;

use fluxgate_core::Kind;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::{EntryKind, LedgerEntry, MicroUsd};
use fluxgate_core::task::{Failure, Finished, Signal, State, Task, Via, transition};
use proptest::prelude::{Strategy, any, prop_oneof};

use super::{Stores, admission, fresh_run, fresh_tenant, now};

/// One thing that happens. Numbers choose among the tasks there are.
#[derive(Debug, Clone)]
pub enum Event {
    TopUp {
        amount: i64,
        reference: u8,
    },
    Submit {
        price: i64,
        outputs_asked: u32,
    },
    Accept {
        task: usize,
    },
    Finish {
        task: usize,
        outputs: usize,
    },
    Archive {
        task: usize,
    },
    Fail {
        task: usize,
    },
    GiveUp {
        task: usize,
    },
    /// The change before the last one, once more.
    Again {
        task: usize,
    },
}

/// Any event, with amounts small enough to collide.
pub fn events() -> impl Strategy<Value = Event> {
    let task = || any::<u8>().prop_map(usize::from);
    prop_oneof![
        (1..200_000_i64, 0..4_u8).prop_map(|(amount, reference)| Event::TopUp { amount, reference }),
        (0..90_000_i64, 1..5_u32).prop_map(|(price, outputs_asked)| Event::Submit { price, outputs_asked }),
        task().prop_map(|task| Event::Accept { task }),
        (task(), 0..5_usize).prop_map(|(task, outputs)| Event::Finish { task, outputs }),
        task().prop_map(|task| Event::Archive { task }),
        task().prop_map(|task| Event::Fail { task }),
        task().prop_map(|task| Event::GiveUp { task }),
        task().prop_map(|task| Event::Again { task }),
    ]
}

/// A tenant to whom things happen.
struct World {
    stores: Stores,
    tenant: TenantId,
    tasks: Vec<TaskId>,
    top_ups: BTreeMap<u8, i64>,
    /// The last change of each task, for doing it again.
    changes: BTreeMap<TaskId, fluxgate_core::task::Change>,
}

/// Lets the events happen one after the other and looks at the books after each.
pub async fn the_books_agree_whatever_happens(stores: Stores, events: Vec<Event>) {
    let (tenant, tasks) = (fresh_tenant(), Vec::new());
    let mut world = World { stores, tenant, tasks, top_ups: BTreeMap::new(), changes: BTreeMap::new() };
    for event in events {
        world.happens(&event).await;
        world.check(&event).await;
    }
}

impl World {
    async fn happens(&mut self, event: &Event) {
        match *event {
            Event::TopUp { amount, reference } => self.top_up(amount, reference).await,
            Event::Submit { price, outputs_asked } => self.submit(price, outputs_asked).await,
            Event::Accept { task } => {
                self.signal(task, |_| Signal::Accepted { upstream: fresh_run(), via: Via::Submit }).await
            }
            Event::Finish { task, outputs } => self.signal(task, |task| finished(task, outputs)).await,
            Event::Archive { task } => self.signal(task, |_| Signal::Archived { outputs: Vec::new() }).await,
            Event::Fail { task } => {
                self.signal(task, |_| Signal::SubmitRefused(Failure::new(1401, "refused", "text"))).await;
            }
            Event::GiveUp { task } => self.signal(task, |_| Signal::GaveUp(Failure::new(5000, "late", "text"))).await,
            Event::Again { task } => self.again(task).await,
        }
    }

    async fn top_up(&mut self, amount: i64, reference: u8) {
        let done = self.stores.accounts.top_up(&self.tenant, MicroUsd(amount), &reference.to_string(), now()).await;
        match self.top_ups.get(&reference) {
            Some(before) if *before != amount => assert_eq!(done.unwrap_err().code, "reference_used"),
            _ => {
                done.unwrap();
                self.top_ups.insert(reference, amount);
            }
        }
    }

    async fn submit(&mut self, price: i64, outputs_asked: u32) {
        let mut admission = admission(&self.tenant);
        admission.task.price = MicroUsd(price);
        admission.task.outputs_asked = outputs_asked;
        let id = admission.task.id.clone();
        let available = self.stores.accounts.account(&self.tenant).await.unwrap().available;
        match self.stores.tasks.admit(admission).await {
            Ok(_) => self.tasks.push(id),
            Err(error) => {
                assert_eq!(error.kind, Kind::InsufficientFunds);
                assert!(available.0 < price);
            }
        }
    }

    async fn signal(&mut self, task: usize, signal: impl Fn(&Task) -> Signal) {
        let Some(id) = self.chosen(task) else { return };
        let task = self.stores.tasks.get(&self.tenant, &id).await.unwrap();
        // What the machine refuses does not happen.
        let Ok(change) = transition(&task, signal(&task), now()) else { return };
        if !change.is_duplicate() {
            self.stores.tasks.apply(&change).await.unwrap();
            self.changes.insert(id, change);
        }
    }

    async fn again(&mut self, task: usize) {
        let Some(change) = self.chosen(task).and_then(|id| self.changes.get(&id).cloned()) else { return };
        assert!(self.stores.tasks.apply(&change).await.unwrap_err().is_conflict());
    }

    fn chosen(&self, task: usize) -> Option<TaskId> {
        (!self.tasks.is_empty()).then(|| self.tasks[task % self.tasks.len()].clone())
    }

    async fn check(&self, event: &Event) {
        let account = self.stores.accounts.account(&self.tenant).await.unwrap();
        let ledger = self.stores.accounts.ledger(&self.tenant).await.unwrap();
        let tasks = self.stores.tasks.list(&self.tenant, None, 1_000).await.unwrap();
        let sum = |kind| ledger.iter().filter(|entry| entry.kind == kind).map(|entry| entry.amount.0).sum::<i64>();
        let (in_, held, captured, released) =
            (sum(EntryKind::TopUp), sum(EntryKind::Hold), sum(EntryKind::Capture), sum(EntryKind::Release));
        let live: i64 = tasks.iter().filter(|task| !task.state.is_end()).map(|task| task.price.0).sum();
        let charged: i64 = tasks.iter().map(|task| task.charged.0).sum();
        assert!(account.available.0 >= 0 && account.held.0 >= 0, "after {event:?}: {account:?}");
        assert_eq!(account.total().0, in_, "after {event:?}: what is there is what was put in");
        assert_eq!(account.held.0, live, "after {event:?}: what is held is held for live tasks");
        assert_eq!(account.held.0, held - captured - released, "after {event:?}: the ledger's holds that are open");
        assert_eq!((account.captured.0, captured), (charged, charged), "after {event:?}: what was charged");
        for task in tasks.iter().filter(|task| task.state.is_end()) {
            let of = |kind| entries(&ledger, task, kind).iter().map(|entry| entry.amount.0).sum::<i64>();
            assert!(entries(&ledger, task, EntryKind::Capture).len() <= 1, "after {event:?}: one capture a task");
            assert_eq!(of(EntryKind::Capture) + of(EntryKind::Release), task.price.0, "after {event:?}: a whole end");
            assert!(
                task.state == State::Completed || of(EntryKind::Capture) == 0,
                "after {event:?}: only success costs"
            );
        }
    }
}

fn finished(task: &Task, outputs: usize) -> Signal {
    Signal::Finished(Finished {
        upstream: task.upstream.clone().unwrap_or_else(fresh_run),
        via: Via::Webhook,
        sources: (0..outputs).map(|n| format!("https://cdn.example/{n}.png")).collect(),
        nsfw: Vec::new(),
        inference_ms: None,
    })
}

fn entries<'a>(ledger: &'a [LedgerEntry], task: &Task, kind: EntryKind) -> Vec<&'a LedgerEntry> {
    ledger.iter().filter(|entry| entry.kind == kind && entry.reference == task.id.as_str()).collect()
}
