//! The account, the ledger and the tasks are compared after each event.

use fluxgate_core::app::check_books;
use fluxgate_core::money::{Account, Allowance, EntryKind, LedgerEntry, RollOver};
use fluxgate_core::task::{State, Task};

use super::World;
use super::event::Event;
use crate::contract::day_sums::sums_are_the_ledger_s;

impl World {
    pub(super) async fn check(&self, event: &Event) {
        let findings = check_books(&*self.stores.accounts, &self.tenant)
            .await
            .unwrap();
        assert_eq!(findings, [], "after {event:?}");
        let account = self.account().await;
        let ledger = self.stores.accounts.ledger(&self.tenant).await.unwrap();
        let tasks = self.tasks().await;
        sums_are_the_ledger_s(&self.stores, &self.tenant).await;
        check_totals(event, &account, &ledger, &tasks);
        for task in tasks.iter().filter(|task| task.state.is_end()) {
            check_end(event, &ledger, task);
        }
    }

    async fn tasks(&self) -> Vec<Task> {
        self.stores
            .tasks
            .list(&self.tenant, None, 1_000)
            .await
            .unwrap()
    }

    /// Months go forward, no period is overspent, and what is carried over is what was left.
    pub(super) async fn check_budget(&mut self, event: &Event, before: &Account) {
        let tasks = self.tasks().await;
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
                        task.paid().0
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

fn check_totals(event: &Event, account: &Account, ledger: &[LedgerEntry], tasks: &[Task]) {
    let sum = |kind| {
        ledger
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.amount.0)
            .sum::<i64>()
    };
    let (in_, held, captured, released) = (
        sum(EntryKind::TopUp) + sum(EntryKind::AdjustmentCredit)
            - sum(EntryKind::AdjustmentDebit)
            - sum(EntryKind::Void),
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
    let refunded: i64 = tasks.iter().map(|task| task.refunded().0).sum();
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
        (account.captured.0, captured, sum(EntryKind::Refund)),
        (charged - refunded, charged, refunded),
        "after {event:?}: what was charged"
    );
}

fn check_end(event: &Event, ledger: &[LedgerEntry], task: &Task) {
    let of = |kind| {
        entries(ledger, task, kind)
            .iter()
            .map(|entry| entry.amount.0)
            .sum::<i64>()
    };
    assert!(
        entries(ledger, task, EntryKind::Capture).len() <= 1,
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

/// Month by month, as an accountant would.
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

fn entries<'a>(ledger: &'a [LedgerEntry], task: &Task, kind: EntryKind) -> Vec<&'a LedgerEntry> {
    ledger
        .iter()
        .filter(|entry| entry.kind == kind && entry.reference == task.id.as_str())
        .collect()
}
