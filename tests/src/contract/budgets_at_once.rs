//! Budgets under many writers at once.

use fluxgate_core::money::{MicroUsd, Payment};

use super::budgets::{DECEMBER, NOVEMBER, account, at, budget, completed, month, set};
use super::{PRICE, Stores, fresh_tenant};

pub async fn of_many_admissions_only_those_within_the_budget_succeed(stores: Stores) {
    let tenant = fresh_tenant();
    set(
        &stores,
        &tenant,
        Some(budget(5, Payment::Postpaid)),
        NOVEMBER,
    )
    .await
    .unwrap();
    // The month begins with them.
    let attempts = (0..40).map(|_| {
        let (stores, admission) = (stores.clone(), at(&tenant, DECEMBER));
        tokio::spawn(async move { stores.admit(admission).await })
    });

    let mut accepted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.code, "budget_exhausted", "{error}"),
        }
    }

    assert_eq!(accepted, 5);
    let month = month(&stores, &tenant).await;
    assert_eq!(
        (month.month.to_string(), month.held),
        ("2026-12".to_owned(), MicroUsd(PRICE.0 * 5))
    );
}

pub async fn a_budget_that_changes_while_runs_are_submitted_is_kept(stores: Stores) {
    let tenant = stores.funded(40).await;
    let attempts = (0..20).map(|n| {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        tokio::spawn(async move {
            if n % 5 == 0 {
                // Too small for what is held by then, perhaps.
                drop(
                    set(
                        &stores,
                        &tenant,
                        Some(budget(4 + n, Payment::Prepaid)),
                        NOVEMBER,
                    )
                    .await,
                );
            }
            if let Ok(task) = stores.admit(at(&tenant, NOVEMBER)).await {
                completed(&stores, &task).await;
            }
        })
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.unwrap();
    }

    let account = account(&stores, &tenant).await;
    assert!(
        account.captured > MicroUsd::ZERO && account.held == MicroUsd::ZERO,
        "{account:?}"
    );
}
