//! Events in any order: the account, the ledger and the tasks agree after each.

mod checks;
mod event;
mod mended;

use std::collections::{BTreeMap, BTreeSet};

use fluxgate_core::Kind;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::{Account, MicroUsd};
use fluxgate_core::task::{Copied, Failure, Finished, Signal, Task, Via, transition};
use fluxgate_core::time::Timestamp;

pub use event::{Event, Terms, events};

use super::budgets::{self, NOVEMBER};
use super::{Stores, fresh_run, fresh_tenant, now, output};

/// A tenant under test.
struct World {
    stores: Stores,
    tenant: TenantId,
    tasks: Vec<TaskId>,
    top_ups: BTreeMap<u8, i64>,
    /// The references of top-ups that were taken back.
    voided: BTreeSet<u8>,
    /// The amounts of credits, and of debits, by their reference.
    adjusted: BTreeMap<(bool, u8), i64>,
    clock: Timestamp,
    /// The last limit of each period of the budget.
    periods: BTreeMap<u64, i64>,
    /// The last change of each task, to apply it a second time.
    changes: BTreeMap<TaskId, fluxgate_core::task::Change>,
}

/// Lets the events happen one after the other and looks at the books after each.
pub async fn the_books_agree_whatever_happens(stores: Stores, events: Vec<Event>) {
    the_books_of_several_gateways_agree(&[stores], events).await;
}

/// The same where each event comes to the next of several gateways of one installation.
pub async fn the_books_of_several_gateways_agree(gateways: &[Stores], events: Vec<Event>) {
    let mut world = World {
        stores: gateways[0].clone(),
        tenant: fresh_tenant(),
        tasks: Vec::new(),
        top_ups: BTreeMap::new(),
        voided: BTreeSet::new(),
        adjusted: BTreeMap::new(),
        clock: NOVEMBER,
        periods: BTreeMap::new(),
        changes: BTreeMap::new(),
    };
    for (event, stores) in events.into_iter().zip(gateways.iter().cycle()) {
        world.stores = stores.clone();
        let before = world.account().await;
        world.happens(&event).await;
        world.check(&event).await;
        world.check_budget(&event, &before).await;
    }
}

impl World {
    async fn happens(&mut self, event: &Event) {
        match *event {
            Event::TopUp { amount, reference } => self.top_up(amount, reference).await,
            Event::Adjust {
                is_credit,
                amount,
                reference,
            } => self.adjust(is_credit, amount, reference).await,
            Event::Void { reference } => self.void(reference).await,
            Event::Refund { task, percent } => self.refund(task, percent).await,
            Event::Submit {
                price,
                outputs_asked,
                tasks_in_flight_max,
            } => {
                self.submit(price, outputs_asked, tasks_in_flight_max).await;
            }
            Event::Budget(terms) => self.budget(terms).await,
            Event::Clock { hours } => self.clock = Timestamp(self.clock.0 + hours * 3_600_000),
            Event::Accept { task } => {
                self.signal(task, |_| Signal::Accepted {
                    run: fresh_run(),
                    via: Via::Submit,
                })
                .await
            }
            Event::Finish { task, outputs } => {
                self.signal(task, |task| finished(task, outputs)).await
            }
            Event::Archive { task } => {
                self.signal(task, |_| Signal::Archived {
                    outputs: Vec::new(),
                })
                .await
            }
            Event::Abandon { task } => self.signal(task, |_| abandoned()).await,
            Event::Copy { task } => self.signal(task, copied).await,
            Event::Fail { task } => {
                self.signal(task, |_| {
                    Signal::SubmitRefused(Failure::new(1401, "refused", "text"))
                })
                .await;
            }
            Event::GiveUp { task } => {
                self.signal(task, |_| Signal::GaveUp(Failure::new(5000, "late", "text")))
                    .await
            }
            Event::Again { task } => self.again(task).await,
        }
    }

    async fn top_up(&mut self, amount: i64, reference: u8) {
        let done = self
            .stores
            .top_up(&self.tenant, MicroUsd(amount), &reference.to_string())
            .await;
        match self.top_ups.get(&reference) {
            Some(before) if *before != amount && !self.voided.contains(&reference) => {
                assert_eq!(done.unwrap_err().code, "reference_used")
            }
            _ if self.voided.contains(&reference) => {
                assert_eq!(done.unwrap_err().code, "top_up_voided")
            }
            _ => {
                done.unwrap();
                self.top_ups.insert(reference, amount);
            }
        }
    }

    async fn submit(&mut self, price: i64, outputs_asked: u32, tasks_in_flight_max: Option<u32>) {
        let mut admission = budgets::at(&self.tenant, self.clock);
        admission.task.price = MicroUsd(price);
        admission.task.outputs_asked = outputs_asked;
        admission.tasks_in_flight_max = tasks_in_flight_max;
        let id = admission.task.id.clone();
        let before = self.account().await;
        match self.stores.tasks.admit(admission).await {
            Ok(_) => self.tasks.push(id),
            Err(error) => {
                match error.code {
                    "insufficient_funds" => {
                        assert!(!before.is_postpaid() && before.available.0 < price)
                    }
                    "budget_exhausted" => {
                        assert!(before.budget_at(self.clock).unwrap().left().0 < price)
                    }
                    "too_many_tasks" => assert!(before.in_flight >= tasks_in_flight_max.unwrap()),
                    other => panic!("{other}: {error}"),
                }
                assert_eq!(self.account().await, before, "a refusal changes nothing");
            }
        }
    }

    async fn budget(&mut self, terms: Option<Terms>) {
        let before = self.account().await;
        if let Err(error) = budgets::set(
            &self.stores,
            &self.tenant,
            terms.map(Terms::budget),
            self.clock,
        )
        .await
        {
            assert_eq!(
                (error.kind, error.code),
                (Kind::Conflict, "budget_below_use")
            );
            assert_eq!(self.account().await, before, "a refusal changes nothing");
        }
    }

    async fn account(&self) -> Account {
        self.stores.accounts.account(&self.tenant).await.unwrap()
    }

    async fn signal(&mut self, task: usize, signal: impl Fn(&Task) -> Signal) {
        let Some(id) = self.chosen(task) else { return };
        let task = self.stores.tasks.get(&self.tenant, &id).await.unwrap();
        // A signal that the state machine refuses is skipped.
        let Ok(change) = transition(&task, signal(&task), now()) else {
            return;
        };
        if !change.is_duplicate() {
            self.stores.tasks.apply(&change).await.unwrap();
            self.changes.insert(id, change);
        }
    }

    async fn again(&mut self, task: usize) {
        let Some(change) = self
            .chosen(task)
            .and_then(|id| self.changes.get(&id).cloned())
        else {
            return;
        };
        assert!(
            self.stores
                .tasks
                .apply(&change)
                .await
                .unwrap_err()
                .is(fluxgate_core::Reason::VersionMoved)
        );
    }

    fn chosen(&self, task: usize) -> Option<TaskId> {
        (!self.tasks.is_empty()).then(|| self.tasks[task % self.tasks.len()].clone())
    }
}

fn finished(task: &Task, outputs: usize) -> Signal {
    Signal::Finished(Finished {
        run: task.run.clone().unwrap_or_else(fresh_run),
        via: Via::Webhook,
        sources: (0..outputs)
            .map(|n| format!("https://cdn.example/{n}.png"))
            .collect(),
        nsfw: Vec::new(),
        inference_ms: None,
        note: None,
    })
}

fn abandoned() -> Signal {
    let fault = Failure::new(5000, "bucket_missing", "text");
    Signal::ArchiveAbandoned {
        fault,
        expires_at: now(),
    }
}

fn copied(task: &Task) -> Signal {
    let copies = task.to_copy().first().map(|(n, _)| Copied {
        n: *n,
        output: output(),
    });
    Signal::Copied {
        copies: copies.into_iter().collect(),
    }
}
