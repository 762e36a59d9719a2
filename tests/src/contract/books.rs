//! Whatever happens to tasks, in whatever order: the account, the ledger and the tasks tell the
//! same story.

use std::collections::BTreeMap;

use fluxgate_core::Kind;
use fluxgate_core::app::check_books;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::money::{
    Account, Allowance, Budget, EntryKind, LedgerEntry, MicroUsd, Payment, RollOver, Zone,
};
use fluxgate_core::task::{Copied, Failure, Finished, Signal, State, Task, Via, transition};
use fluxgate_core::time::Timestamp;
use proptest::option;
use proptest::prelude::{Strategy, any, prop_oneof};

use super::budgets::{self, NOVEMBER};
use super::{Stores, fresh_run, fresh_tenant, now, output};

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
        tasks_in_flight_max: Option<u32>,
    },
    Budget(Option<Terms>),
    /// The gateway's clock goes on, or back.
    Clock {
        hours: i64,
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
    /// The tenant's side kept the outputs out for too long.
    Abandon {
        task: usize,
    },
    /// One output comes into the bucket, before or after the end.
    Copy {
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

/// Of a monthly budget.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    limit: i64,
    /// `Some`: what is left is carried over, up to this.
    roll_over: Option<i64>,
    postpaid: bool,
    zone: usize,
}

impl Terms {
    fn budget(self) -> Budget {
        let zones = ["Europe/Berlin", "America/St_Johns", "Pacific/Kiritimati"];
        Budget {
            limit_micro_usd: MicroUsd(self.limit),
            time_zone: Zone::parse(zones[self.zone]).unwrap(),
            roll_over: match self.roll_over {
                None => RollOver::None,
                Some(cap) => RollOver::Unused {
                    cap_micro_usd: Some(MicroUsd(cap)),
                },
            },
            payment: if self.postpaid {
                Payment::Postpaid
            } else {
                Payment::Prepaid
            },
        }
    }
}

fn terms() -> impl Strategy<Value = Terms> {
    (
        1..300_000_i64,
        option::of(1..200_000_i64),
        any::<bool>(),
        0..3_usize,
    )
        .prop_map(|(limit, roll_over, postpaid, zone)| Terms {
            limit,
            roll_over,
            postpaid,
            zone,
        })
}

/// Any event, with amounts small enough to collide.
pub fn events() -> impl Strategy<Value = Event> {
    let task = || any::<u8>().prop_map(usize::from);
    prop_oneof![
        2 => (1..200_000_i64, 0..4_u8).prop_map(|(amount, reference)| Event::TopUp { amount, reference }),
        4 => (0..90_000_i64, 1..5_u32, option::of(1..6_u32)).prop_map(|(price, outputs_asked, tasks_in_flight_max)| {
            Event::Submit { price, outputs_asked, tasks_in_flight_max }
        }),
        2 => option::weighted(0.8, terms()).prop_map(Event::Budget),
        2 => (-1_500..2_000_i64).prop_map(|hours| Event::Clock { hours }),
        1 => task().prop_map(|task| Event::Accept { task }),
        1 => (task(), 0..5_usize).prop_map(|(task, outputs)| Event::Finish { task, outputs }),
        1 => task().prop_map(|task| Event::Archive { task }),
        1 => task().prop_map(|task| Event::Abandon { task }),
        1 => task().prop_map(|task| Event::Copy { task }),
        1 => task().prop_map(|task| Event::Fail { task }),
        1 => task().prop_map(|task| Event::GiveUp { task }),
        1 => task().prop_map(|task| Event::Again { task }),
    ]
}

/// A tenant to whom things happen.
struct World {
    stores: Stores,
    tenant: TenantId,
    tasks: Vec<TaskId>,
    top_ups: BTreeMap<u8, i64>,
    clock: Timestamp,
    /// What each period of the budget allowed at last.
    periods: BTreeMap<u64, i64>,
    /// The last change of each task, for doing it again.
    changes: BTreeMap<TaskId, fluxgate_core::task::Change>,
}

/// Lets the events happen one after the other and looks at the books after each.
pub async fn the_books_agree_whatever_happens(stores: Stores, events: Vec<Event>) {
    let mut world = World {
        stores,
        tenant: fresh_tenant(),
        tasks: Vec::new(),
        top_ups: BTreeMap::new(),
        clock: NOVEMBER,
        periods: BTreeMap::new(),
        changes: BTreeMap::new(),
    };
    for event in events {
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
            Some(before) if *before != amount => {
                assert_eq!(done.unwrap_err().code, "reference_used")
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
        // What the machine refuses does not happen.
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

    async fn check(&self, event: &Event) {
        assert_eq!(
            check_books(&*self.stores.accounts, &*self.stores.tasks, &self.tenant)
                .await
                .unwrap(),
            []
        );
        let account = self.account().await;
        let ledger = self.stores.accounts.ledger(&self.tenant).await.unwrap();
        let tasks = self
            .stores
            .tasks
            .list(&self.tenant, None, 1_000)
            .await
            .unwrap();
        let sum = |kind| {
            ledger
                .iter()
                .filter(|entry| entry.kind == kind)
                .map(|entry| entry.amount.0)
                .sum::<i64>()
        };
        let (in_, held, captured, released) = (
            sum(EntryKind::TopUp),
            sum(EntryKind::Hold),
            sum(EntryKind::Capture),
            sum(EntryKind::Release),
        );
        let live: i64 = tasks
            .iter()
            .filter(|task| !task.state.is_end())
            .map(|task| task.price.0)
            .sum();
        let charged: i64 = tasks.iter().map(|task| task.charged.0).sum();
        assert!(
            account.available.0 >= 0 && account.held.0 >= 0,
            "after {event:?}: {account:?}"
        );
        assert_eq!(
            account.total().0,
            in_ + account.credit.0,
            "after {event:?}: what was put in, and what was lent"
        );
        assert_eq!(
            account.held.0, live,
            "after {event:?}: what is held is held for live tasks"
        );
        assert_eq!(
            account.held.0,
            held - captured - released,
            "after {event:?}: the ledger's holds that are open"
        );
        assert_eq!(
            (account.captured.0, captured),
            (charged, charged),
            "after {event:?}: what was charged"
        );
        for task in tasks.iter().filter(|task| task.state.is_end()) {
            let of = |kind| {
                entries(&ledger, task, kind)
                    .iter()
                    .map(|entry| entry.amount.0)
                    .sum::<i64>()
            };
            assert!(
                entries(&ledger, task, EntryKind::Capture).len() <= 1,
                "after {event:?}: one capture a task"
            );
            assert_eq!(
                of(EntryKind::Capture) + of(EntryKind::Release),
                task.price.0,
                "after {event:?}: a whole end"
            );
            assert!(
                task.state == State::Completed || of(EntryKind::Capture) == 0,
                "after {event:?}: only success costs"
            );
        }
    }
    /// Months go forward, no period is overspent, and what is carried over is what was left.
    async fn check_budget(&mut self, event: &Event, before: &Account) {
        let tasks = self
            .stores
            .tasks
            .list(&self.tenant, None, 1_000)
            .await
            .unwrap();
        let counted = tasks
            .iter()
            .filter(|task| !task.state.is_end() && task.hold.counted)
            .count();
        let account = self.account().await;
        assert_eq!(
            usize::try_from(account.in_flight),
            Ok(counted),
            "after {event:?}"
        );
        let Some(now) = account.allowance else { return };
        if let Some(before) = &before.allowance {
            assert!(now.period >= before.period, "after {event:?}");
            assert!(
                now.month >= before.month || matches!(event, Event::Budget(_)),
                "after {event:?}"
            );
            if matches!(event, Event::Submit { .. }) && now.period > before.period {
                assert_eq!(now.period, before.period + 1, "after {event:?}");
                assert_eq!(
                    now.carried.0,
                    carried_month_by_month(before, &now),
                    "after {event:?}"
                );
            }
        }
        if let Some(budget) = &now.budget {
            self.periods
                .insert(now.period, budget.limit_micro_usd.0 + now.carried.0);
        }
        for (period, worth) in &self.periods {
            let of = tasks
                .iter()
                .filter(|task| task.hold.period == Some(*period));
            let used: i64 = of
                .map(|task| {
                    if task.state.is_end() {
                        task.charged.0
                    } else {
                        task.price.0
                    }
                })
                .sum();
            assert!(
                used <= *worth,
                "after {event:?}: {used} of {worth} in period {period}"
            );
        }
    }
}

/// As an accountant would, who looks at each month.
fn carried_month_by_month(before: &Allowance, now: &Allowance) -> i64 {
    let budget = before.budget.as_ref().unwrap();
    let (mut month, mut left, mut carried) = (before.month, before.left().0, 0);
    while month < now.month {
        carried = match budget.roll_over {
            RollOver::None => 0,
            RollOver::Unused { cap_micro_usd } => left.min(cap_micro_usd.unwrap().0),
        };
        left = budget.limit_micro_usd.0 + carried;
        month = month.next();
    }
    carried
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

fn entries<'a>(ledger: &'a [LedgerEntry], task: &Task, kind: EntryKind) -> Vec<&'a LedgerEntry> {
    ledger
        .iter()
        .filter(|entry| entry.kind == kind && entry.reference == task.id.as_str())
        .collect()
}
