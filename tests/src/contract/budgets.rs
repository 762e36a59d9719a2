//! Monthly budgets: `AccountStore::set_budget`, and `TaskStore` under one.

use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::{
    Account, Allowance, Budget, EntryKind, MicroUsd, Payment, RollOver, Zone,
};
use fluxgate_core::port::Ids as _;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::task::{Admission, Failure, Signal, Task};
use fluxgate_core::tenant::{Actor, AuditAction, AuditEntry};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Result};
use serde_json::json;

use super::{PRICE, Stores, admission, archived, finished, fresh_run, fresh_tenant, now};

pub const NOVEMBER: Timestamp = Timestamp(1_795_348_800_000);
pub const DECEMBER: Timestamp = Timestamp(1_796_299_200_000);

/// Worth so many runs a month.
pub fn budget(runs: i64, payment: Payment) -> Budget {
    let time_zone = Zone::parse("Europe/Berlin").expect("a time zone");
    Budget {
        limit_micro_usd: MicroUsd(PRICE.0 * runs),
        time_zone,
        roll_over: RollOver::None,
        payment,
    }
}

pub async fn set(
    stores: &Stores,
    tenant: &TenantId,
    budget: Option<Budget>,
    at: Timestamp,
) -> Result<Account> {
    let entry = AuditEntry {
        id: SystemEntropy.audit_id(now()),
        at,
        actor: Actor::cli(),
        action: AuditAction::BudgetChanged,
        tenant: Some(tenant.clone()),
        detail: json!({}),
    };
    stores.accounts.set_budget(tenant, budget, at, &entry).await
}

pub fn at(tenant: &TenantId, moment: Timestamp) -> Admission {
    let mut admission = admission(tenant);
    admission.task.created_at = moment;
    admission
}

pub(super) async fn account(stores: &Stores, tenant: &TenantId) -> Account {
    assert_eq!(check_books(&*stores.accounts, tenant).await.unwrap(), []);
    stores.accounts.account(tenant).await.unwrap()
}

pub(super) async fn month(stores: &Stores, tenant: &TenantId) -> Allowance {
    account(stores, tenant).await.allowance.expect("a budget")
}

pub(super) async fn completed(stores: &Stores, task: &Task) {
    let task = stores.signal(task, finished(fresh_run())).await;
    stores.signal(&task, archived()).await;
}

pub(super) async fn failed(stores: &Stores, task: &Task) {
    stores
        .signal(
            task,
            Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
        )
        .await;
}

pub async fn a_run_over_the_month_s_budget_is_refused_and_writes_nothing(stores: Stores) {
    let tenant = stores.funded(5).await;
    set(
        &stores,
        &tenant,
        Some(budget(2, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    let done = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    completed(&stores, &done).await;
    stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    let third = at(&tenant, NOVEMBER);
    let id = third.task.id.clone();

    let error = stores.admit(third).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::InsufficientFunds, "budget_exhausted")
    );
    assert!(
        error.message.contains("2026-11-30T23:00:00.000Z"),
        "{error}"
    );
    assert_eq!(
        stores.tasks.get(&tenant, &id).await.unwrap_err().kind,
        Kind::NotFound
    );
    let month = month(&stores, &tenant).await;
    assert_eq!(
        (month.spent, month.held, month.left()),
        (PRICE, PRICE, MicroUsd::ZERO)
    );
    assert_eq!(
        account(&stores, &tenant).await.available,
        MicroUsd(PRICE.0 * 3)
    );
}

pub async fn a_run_over_the_balance_is_refused_whatever_the_budget(stores: Stores) {
    let tenant = stores.funded(1).await;
    set(
        &stores,
        &tenant,
        Some(budget(9, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    stores.admit(at(&tenant, NOVEMBER)).await.unwrap();

    let error = stores.admit(at(&tenant, NOVEMBER)).await.unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::InsufficientFunds, "insufficient_funds")
    );
    assert_eq!(month(&stores, &tenant).await.held, PRICE);
}

pub async fn a_postpaid_tenant_needs_no_balance_and_what_it_is_lent_is_in_the_ledger(
    stores: Stores,
) {
    let tenant = fresh_tenant();
    set(
        &stores,
        &tenant,
        Some(budget(2, Payment::Postpaid)),
        NOVEMBER,
    )
    .await
    .unwrap();

    let (done, failing) = (
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
    );
    let third = stores.admit(at(&tenant, NOVEMBER)).await.unwrap_err();
    completed(&stores, &done).await;
    failed(&stores, &failing).await;

    assert_eq!(third.code, "budget_exhausted");
    let account = account(&stores, &tenant).await;
    assert_eq!(
        (account.available, account.held, account.captured),
        (MicroUsd::ZERO, MicroUsd::ZERO, PRICE)
    );
    assert_eq!((account.credit, account.paid_in()), (PRICE, MicroUsd::ZERO));
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    let of = |kind| {
        ledger
            .iter()
            .filter(|entry| entry.kind == kind)
            .map(|entry| entry.amount)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (of(EntryKind::Credit), of(EntryKind::Capture)),
        (vec![PRICE], vec![PRICE])
    );
    assert_eq!(
        (of(EntryKind::Hold).len(), of(EntryKind::Release).len()),
        (2, 1)
    );
    assert_eq!(
        stores.tasks.get(&tenant, &done.id).await.unwrap().hold,
        done.hold
    );
}

pub async fn a_month_s_end_frees_the_budget_and_late_ends_count_in_their_own_month(stores: Stores) {
    let tenant = stores.funded(9).await;
    let terms = Budget {
        roll_over: RollOver::Unused {
            cap_micro_usd: None,
        },
        ..budget(2, Payment::Prepaid)
    };
    set(&stores, &tenant, Some(terms), NOVEMBER).await.unwrap();
    let (late, failing) = (
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
    );

    let december = stores.admit(at(&tenant, DECEMBER)).await.unwrap();
    let rolled = month(&stores, &tenant).await;
    completed(&stores, &late).await;
    failed(&stores, &failing).await;

    assert_eq!(
        (rolled.month.to_string(), rolled.period),
        ("2026-12".to_owned(), late.hold.period.unwrap() + 1)
    );
    assert_eq!((rolled.carried, rolled.held), (MicroUsd::ZERO, PRICE));
    assert_eq!(month(&stores, &tenant).await, rolled);
    completed(&stores, &december).await;
    assert_eq!(month(&stores, &tenant).await.spent, PRICE);
    assert_eq!(
        account(&stores, &tenant).await.captured,
        MicroUsd(PRICE.0 * 2)
    );
}

pub async fn a_clock_that_jumps_loses_and_doubles_nothing(stores: Stores) {
    let tenant = stores.funded(9).await;
    set(
        &stores,
        &tenant,
        Some(budget(1, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    let first = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();

    let ahead = stores.admit(at(&tenant, DECEMBER)).await.unwrap();
    let back = stores.admit(at(&tenant, NOVEMBER)).await.unwrap_err();
    failed(&stores, &ahead).await;
    let freed = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    let again = stores.admit(at(&tenant, DECEMBER)).await.unwrap_err();
    completed(&stores, &first).await;
    completed(&stores, &freed).await;

    assert_eq!(
        (back.code, again.code),
        ("budget_exhausted", "budget_exhausted")
    );
    assert_eq!(freed.hold.period, ahead.hold.period);
    let account = account(&stores, &tenant).await;
    assert_eq!(
        (account.held, account.captured),
        (MicroUsd::ZERO, MicroUsd(PRICE.0 * 2))
    );
}

pub async fn a_budget_below_what_is_used_is_refused_and_changes_nothing(stores: Stores) {
    let tenant = stores.funded(9).await;
    set(
        &stores,
        &tenant,
        Some(budget(5, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    let task = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    completed(&stores, &task).await;
    stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    let before = (
        account(&stores, &tenant).await,
        audit_length(&stores, &tenant).await,
    );

    let error = set(
        &stores,
        &tenant,
        Some(budget(1, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap_err();

    assert_eq!(
        (error.kind, error.code),
        (Kind::Conflict, "budget_below_use")
    );
    assert!(error.message.contains("at least $0.16"), "{error}");
    assert_eq!(
        (
            account(&stores, &tenant).await,
            audit_length(&stores, &tenant).await
        ),
        before
    );
    set(
        &stores,
        &tenant,
        Some(budget(2, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    assert_eq!(month(&stores, &tenant).await.left(), MicroUsd::ZERO);
    assert_eq!(audit_length(&stores, &tenant).await, before.1 + 1);
}

pub(super) async fn audit_length(stores: &Stores, tenant: &TenantId) -> usize {
    let entries = stores.tenants.audit_log(None, 1_000).await.unwrap();
    entries
        .iter()
        .filter(|entry| entry.tenant.as_ref() == Some(tenant))
        .count()
}

pub async fn a_budget_that_is_taken_away_binds_no_more_and_set_again_counts_on(stores: Stores) {
    let tenant = stores.funded(9).await;
    set(
        &stores,
        &tenant,
        Some(budget(2, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    let of_month = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();

    set(&stores, &tenant, None, NOVEMBER).await.unwrap();
    let free = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    completed(&stores, &of_month).await;
    let below = set(
        &stores,
        &tenant,
        Some(budget(2, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap_err();
    set(
        &stores,
        &tenant,
        Some(budget(4, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    let again = month(&stores, &tenant).await;
    completed(&stores, &free).await;

    assert_eq!((of_month.hold.period, free.hold.period), (Some(1), None));
    assert_eq!(below.code, "budget_below_use");
    assert_eq!(
        (again.spent, again.held, again.left()),
        (PRICE, MicroUsd(PRICE.0 * 2), PRICE)
    );
    let month = month(&stores, &tenant).await;
    assert_eq!(
        (month.spent, month.held, month.left()),
        (MicroUsd(PRICE.0 * 2), PRICE, PRICE)
    );
}
