//! Statements and usage over the stores, at the end of a month.

use std::sync::Arc;

use fluxgate_core::app::{AskedDays, Context, Metering};
use fluxgate_core::id::TenantId;
use fluxgate_core::metering::statement::{Statement, StatementView, csv};
use fluxgate_core::metering::usage::Grouping;
use fluxgate_core::money::{EntryKind, LedgerEntry, MicroUsd, Month, Payment};
use fluxgate_core::task::{Failure, Refund, Signal, Task, transition};
use fluxgate_core::tenant::{AuditAction, AuditEntry};
use fluxgate_core::time::Timestamp;

use super::day_sums::{completed, sums_are_the_ledger_s};
use super::{PRICE, Stores, budgets, fresh_tenant, tenant_store};
use crate::Roles;
use crate::held_clock::HeldClock;

const TENANTS: i64 = 20;
/// Five minutes before November is over in UTC, when it is over in Berlin.
const LATE: &str = "2030-11-30T23:55:00Z";

/// 20 tenants with odd prices, budgets, failures, refunds, and runs that end in the next month.
pub async fn the_statements_of_many_tenants_equal_their_ledgers(stores: Stores) {
    let late = Timestamp::from_rfc3339(LATE).unwrap();
    let bursts = (0..TENANTS).map(|n| {
        let stores = stores.clone();
        tokio::spawn(async move { burst(&stores, n, late).await })
    });
    let mut tenants = Vec::new();
    for burst in bursts.collect::<Vec<_>>() {
        tenants.push(burst.await.unwrap());
    }

    let metering = metering(&stores, late);
    let mut views = Vec::new();
    for tenant in &tenants {
        let statements = [month("2030-11"), month("2030-12")]
            .map(|month| metering.statement(tenant, month, None));
        let [november, december] = statements;
        let (november, december) = (november.await.unwrap(), december.await.unwrap());
        equals_the_ledger(&stores, &november).await;
        equals_the_ledger(&stores, &december).await;
        assert_eq!(december.opening, november.closing);
        let account = stores.accounts.account(tenant).await.unwrap();
        assert_eq!(december.closing.balance, account.balance());
        assert_eq!(december.closing.held, account.held);
        sums_are_the_ledger_s(&stores, tenant).await;
        views.extend([StatementView::of(&november), StatementView::of(&december)]);
    }
    let lines = csv(&views).lines().count();
    assert!(lines > views.len() * 7, "{lines}");
}

/// Each tenant in its own zone; what it did depends on its number.
async fn burst(stores: &Stores, n: i64, late: Timestamp) -> TenantId {
    let tenant = fresh_tenant();
    let before = late.minus_ms(36 * 3_600_000);
    let entry = AuditEntry {
        action: AuditAction::AccountToppedUp,
        at: before,
        ..tenant_store::entry(&tenant)
    };
    let amount = MicroUsd(PRICE.0 * 50 + n);
    let paid = stores.accounts.top_up(&tenant, amount, "invoice", &entry);
    paid.await.unwrap();
    if n % 3 == 0 {
        let budget = budgets::budget(40, Payment::Prepaid);
        budgets::set(stores, &tenant, Some(budget), before)
            .await
            .unwrap();
    }
    let mut tasks = Vec::new();
    for m in 0..4 {
        let mut admission = budgets::at(&tenant, late.plus_ms(m * 100_000));
        admission.task.price = MicroUsd(11_111 * (n + 1) % 70_000 + 1);
        tasks.push(stores.admit(admission).await.unwrap());
        if m == 2 {
            completed(stores, &tasks[0], late.plus_ms(250_000)).await;
        }
    }
    let after = late.plus_ms(600_000);
    completed(stores, &tasks[1], after).await;
    let refused = Signal::SubmitRefused(Failure::new(1401, "refused", "text"));
    let change = transition(&tasks[2], refused, after).unwrap();
    stores.tasks.apply(&change).await.unwrap();
    refund(stores, &tasks[n as usize % 2], after.plus_ms(1_000)).await;
    tenant
}

/// Gives back a third of what it cost.
async fn refund(stores: &Stores, task: &Task, at: Timestamp) {
    let task = stores.tasks.get(&task.tenant, &task.id).await.unwrap();
    let entry = AuditEntry {
        action: AuditAction::TaskRefunded,
        at,
        ..tenant_store::entry(&task.tenant)
    };
    let refund = Refund::new(MicroUsd(task.charged.0 / 3 + 1), "r", at);
    let change = transition(&task, Signal::Refund(refund), at).unwrap();
    let refunded = stores.accounts.refund(&change, "a bad picture", &entry);
    refunded.await.unwrap();
}

async fn equals_the_ledger(stores: &Stores, statement: &Statement) {
    let ledger = stores.accounts.ledger(&statement.tenant).await.unwrap();
    let in_month = |entry: &&LedgerEntry| statement.zone.month_at(entry.at) == statement.month;
    let total = statement.total();
    let mut closing = statement.opening.balance.0;
    for kind in EntryKind::ALL {
        let of_kind = ledger.iter().filter(in_month);
        let entries = of_kind.filter(|entry| entry.kind == kind);
        let sum: i64 = entries.map(|entry| entry.amount.0).sum();
        assert_eq!(total.amount(kind).0, sum, "{kind:?} in {}", statement.month);
        closing += kind.change(MicroUsd(sum)).0;
    }
    assert_eq!(statement.closing.balance.0, closing);
    let tasks = stores.tasks.list(&statement.tenant, None, 100).await;
    let begins = statement.zone.begins(statement.month);
    let earlier = tasks.unwrap().into_iter().filter(|task| {
        task.created_at < begins && statement.zone.month_at(task.since) == statement.month
    });
    let earlier: i64 = earlier.map(|task| task.charged.0).sum();
    assert_eq!(total.earlier.0, earlier, "for submits of earlier months");
}

pub async fn usage_is_told_by_month_in_the_account_s_zone_and_another_zone_is_refused(
    stores: Stores,
) {
    let late = Timestamp::from_rfc3339(LATE).unwrap();
    let tenant = burst(&stores, 3, late).await;
    let metering = metering(&stores, late);

    let (berlin, utc) = (asked("Europe/Berlin"), asked("UTC"));
    let usage = metering.usage_of_days(&tenant, &berlin).await.unwrap();
    let other = metering.usage_of_days(&tenant, &utc).await;
    let statement = metering
        .statement(&tenant, month("2030-12"), utc.zone.as_ref())
        .await;

    // In Berlin it was December all the time.
    let groups = usage.report.grouped(Grouping::parse("month").unwrap());
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].month, Some(month("2030-12")));
    assert_eq!(groups[0].usage.requests, 4);
    assert_eq!(other.unwrap_err().code, "other_time_zone");
    assert_eq!(statement.unwrap_err().code, "other_time_zone");
}

fn asked(zone: &str) -> AskedDays {
    let day = |text| fluxgate_core::day::Day::parse(text);
    AskedDays {
        from: day("2030-11-01"),
        to: day("2030-12-31"),
        zone: Some(zone.parse().unwrap()),
    }
}

fn month(text: &str) -> Month {
    text.parse().unwrap()
}

/// An hour later.
fn metering(stores: &Stores, late: Timestamp) -> Metering {
    let clock = HeldClock::now();
    clock.pass_ms(late.0 - super::now().0 + 3_600_000);
    Metering::new(Context {
        clock: Arc::new(clock),
        ..Roles::over(stores).context
    })
}
