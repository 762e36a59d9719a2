//! Budgets that begin, change or move to another time zone within a month.

use fluxgate_core::Kind;
use fluxgate_core::money::{Account, Budget, CountId, MicroUsd, Payment, Zone};
use fluxgate_core::time::Timestamp;

use super::budgets::{NOVEMBER, account, at, audit_length, budget, completed, failed, month, set};
use super::{PRICE, Stores, fresh_tenant};

const OCTOBER: Timestamp = Timestamp(1_792_670_400_000);

pub async fn a_budget_that_is_set_in_mid_month_counts_what_was_captured_and_what_is_held(
    stores: Stores,
) {
    let tenant = stores.funded(9).await;
    let before = stores.admit(at(&tenant, OCTOBER)).await.unwrap();
    let over_before = stores.admit(at(&tenant, OCTOBER)).await.unwrap();
    completed(&stores, &over_before).await;
    let (done, lost, running) = (
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap(),
    );
    completed(&stores, &done).await;
    failed(&stores, &lost).await;

    set(
        &stores,
        &tenant,
        Some(budget(3, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();

    let set_in_mid_month = month(&stores, &tenant).await;
    assert_eq!(
        (
            set_in_mid_month.spent,
            set_in_mid_month.held,
            set_in_mid_month.left()
        ),
        (PRICE, PRICE, PRICE)
    );
    let last = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    assert_eq!(
        stores.admit(at(&tenant, NOVEMBER)).await.unwrap_err().code,
        "budget_exhausted"
    );
    // A run counts in the month of its submit, and its end with it.
    completed(&stores, &before).await;
    failed(&stores, &running).await;
    completed(&stores, &last).await;
    let month = month(&stores, &tenant).await;
    assert_eq!(
        (month.spent, month.held, month.left()),
        (MicroUsd(PRICE.0 * 2), MicroUsd::ZERO, PRICE)
    );
    assert_eq!(
        account(&stores, &tenant).await.captured,
        MicroUsd(PRICE.0 * 4)
    );
}

pub async fn a_first_budget_below_what_the_month_has_used_is_refused_and_changes_nothing(
    stores: Stores,
) {
    let tenant = stores.funded(9).await;
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
        Some(budget(1, Payment::Postpaid)),
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
    let unlimited = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    assert_eq!(unlimited.hold.period, None);
    set(
        &stores,
        &tenant,
        Some(budget(3, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    assert_eq!(month(&stores, &tenant).await.left(), MicroUsd::ZERO);
}

pub async fn a_budget_in_another_time_zone_counts_the_month_that_it_has_there(stores: Stores) {
    let tenant = stores.funded(9).await;
    let zone = |name| {
        let time_zone = Zone::parse(name).expect("a time zone");
        Some(Budget {
            time_zone,
            ..budget(5, Payment::Prepaid)
        })
    };
    // Still October in UTC, and November in Berlin.
    let eve = Timestamp::from_rfc3339("2026-10-31T23:30:00Z").unwrap();
    let (done, running) = (
        stores.admit(at(&tenant, eve)).await.unwrap(),
        stores.admit(at(&tenant, eve)).await.unwrap(),
    );
    completed(&stores, &done).await;
    set(&stores, &tenant, zone("UTC"), NOVEMBER).await.unwrap();
    let of_november = stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    let in_utc = month(&stores, &tenant).await;

    set(&stores, &tenant, zone("Europe/Berlin"), NOVEMBER)
        .await
        .unwrap();
    let in_berlin = month(&stores, &tenant).await;
    completed(&stores, &running).await;
    completed(&stores, &of_november).await;
    let after = month(&stores, &tenant).await;
    // December begins there first.
    let last_day = Timestamp::from_rfc3339("2026-11-30T12:00:00Z").unwrap();
    stores.admit(at(&tenant, last_day)).await.unwrap();
    set(&stores, &tenant, zone("Pacific/Kiritimati"), last_day)
        .await
        .unwrap();

    assert_eq!((in_utc.spent, in_utc.held), (MicroUsd::ZERO, PRICE));
    assert_eq!(
        (in_berlin.spent, in_berlin.held),
        (PRICE, MicroUsd(PRICE.0 * 2))
    );
    assert_eq!(
        (after.spent, after.held),
        (MicroUsd(PRICE.0 * 3), MicroUsd::ZERO)
    );
    let december = month(&stores, &tenant).await;
    assert_eq!(
        (december.month.to_string(), december.spent, december.held),
        ("2026-12".to_owned(), MicroUsd::ZERO, PRICE)
    );
}

pub async fn a_budget_that_is_set_while_runs_begin_and_end_counts_each_once(stores: Stores) {
    let tenant = stores.funded(80).await;
    let mut running = Vec::new();
    for n in 0..12 {
        let moment = if n % 3 == 0 { OCTOBER } else { NOVEMBER };
        running.push(stores.admit(at(&tenant, moment)).await.unwrap());
    }
    let mut work = tokio::task::JoinSet::new();
    for (n, task) in running.into_iter().enumerate() {
        let stores = stores.clone();
        work.spawn(async move {
            if n % 2 == 0 {
                completed(&stores, &task).await
            } else {
                failed(&stores, &task).await
            }
        });
    }
    for n in 0..12 {
        let (stores, admission) = (stores.clone(), at(&tenant, NOVEMBER));
        work.spawn(async move {
            let task = stores
                .admit(admission)
                .await
                .expect("there is money, and budget enough");
            if n % 2 == 0 {
                completed(&stores, &task).await;
            }
        });
    }
    for n in 0..4 {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        work.spawn(async move {
            let terms = (n != 2).then(|| budget(60 + n, Payment::Prepaid));
            set(&stores, &tenant, terms, NOVEMBER)
                .await
                .expect("the budget is large enough");
        });
    }
    work.join_all().await;

    set(
        &stores,
        &tenant,
        Some(budget(60, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();

    // `month` has compared it with the tasks.
    let month = month(&stores, &tenant).await;
    assert_eq!(
        (month.spent, month.held),
        (MicroUsd(PRICE.0 * 10), MicroUsd(PRICE.0 * 6))
    );
    assert_eq!((month.count, month.counted), (None, true));
}

pub async fn a_month_that_was_counted_is_not_counted_again(stores: Stores) {
    let tenant = stores.funded(9).await;
    let without = fresh_tenant();
    stores.admit(at(&tenant, NOVEMBER)).await.unwrap();
    set(
        &stores,
        &tenant,
        Some(budget(5, Payment::Prepaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    let before = account(&stores, &tenant).await;

    stores
        .accounts
        .recount_budget(&tenant, NOVEMBER, CountId(1))
        .await
        .unwrap();
    stores
        .accounts
        .recount_budget(&without, NOVEMBER, CountId(1))
        .await
        .unwrap();

    assert_eq!(account(&stores, &tenant).await, before);
    assert_eq!(account(&stores, &without).await, Account::default());
}
