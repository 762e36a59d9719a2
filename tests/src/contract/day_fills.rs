//! The days before the sums began are filled in, once.

use std::sync::Arc;

use fluxgate_core::app::{AskedDays, Context, Metering};
use fluxgate_core::id::TenantId;
use fluxgate_core::money::EntryKind;
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;

use super::day_sums::{completed, days, submit, sums_are_the_ledger_s};
use super::tenant_store::{entry, tenant_named};
use super::{Stores, fresh_tenant, now};
use crate::Roles;
use crate::held_clock::HeldClock;

const HOUR_MS: i64 = 3_600_000;

/// A tenant with runs that an older release wrote, some of which still go on.
pub struct Older {
    pub tenant: TenantId,
    running: Vec<Task>,
}

/// To be called while no sums are written.
pub async fn older(stores: &Stores) -> Older {
    let tenant = fresh_tenant();
    let (record, made) = (tenant_named(&tenant), entry(&tenant));
    stores.tenants.create(&record, &made).await.unwrap();
    let amount = fluxgate_core::money::MicroUsd(super::PRICE.0 * 100);
    let begun = Timestamp(now().0 - 8 * 24 * HOUR_MS);
    let paid = fluxgate_core::tenant::AuditEntry {
        at: begun,
        ..entry(&tenant)
    };
    let paid = stores.accounts.top_up(&tenant, amount, "first", &paid);
    paid.await.unwrap();
    let mut running = Vec::new();
    for n in 0..30 {
        let moment = Timestamp(begun.0 + (n + 1) * 6 * HOUR_MS);
        let task = stores.admit(submit(&tenant, moment)).await.unwrap();
        if n % 3 == 0 {
            running.push(task);
        } else {
            completed(stores, &task, moment.plus_ms(60_000)).await;
        }
    }
    Older { tenant, running }
}

/// Sums are written by now: what runs goes on, and the sweep fills in the rest.
pub async fn the_days_before_are_filled_in_once(stores: Stores, older: Older) {
    let Older { tenant, running } = older;
    let later = Timestamp(now().0 + HOUR_MS);
    for task in &running {
        completed(&stores, task, later).await;
    }
    let clock = HeldClock::now();
    clock.pass_ms(2 * HOUR_MS);
    let roles = Roles {
        context: Context {
            clock: Arc::new(clock),
            ..Roles::over(&stores).context
        },
        ..Roles::over(&stores)
    };
    assert!(!days(&stores, &tenant).await.is_complete);
    let metering = Metering::new(roles.context.clone());
    let asked = AskedDays::default();
    let by_tasks = metering.usage_of_days(&tenant, &asked);
    let by_tasks = by_tasks.await.unwrap().report;

    let forever = Timestamp(i64::MAX);
    let counted = roles.sweeper().fill_days(forever).await.unwrap();
    let again = roles.sweeper().fill_days(forever).await.unwrap();

    assert_eq!((counted, again), (30, 0));
    let filled = days(&stores, &tenant).await;
    assert!(filled.is_complete);
    assert_eq!(filled.opening().balance.0, 0);
    assert_eq!(
        filled.total().moved.get(&EntryKind::TopUp).map(|it| it.0),
        Some(super::PRICE.0 * 100)
    );
    let by_days = metering.usage_of_days(&tenant, &asked);
    let by_days = by_days.await.unwrap().report;
    let grouping = fluxgate_core::metering::usage::Grouping::DAY_AND_MODEL;
    assert_eq!(by_days.grouped(grouping), by_tasks.grouped(grouping));
    sums_are_the_ledger_s(&stores, &tenant).await;
}
