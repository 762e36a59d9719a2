//! `AccountStore`.

use fluxgate_core::money::{Account, EntryKind, MicroUsd};

use super::{Stores, fresh_tenant, now};

pub async fn an_account_that_never_had_money_is_all_zero(stores: Stores) {
    assert_eq!(stores.accounts.account(&fresh_tenant()).await.unwrap(), Account::default());
}

pub async fn a_top_up_with_the_same_reference_counts_once(stores: Stores) {
    let tenant = fresh_tenant();

    stores.accounts.top_up(&tenant, MicroUsd(5), "invoice 1", now()).await.unwrap();
    let again = stores.accounts.top_up(&tenant, MicroUsd(5), "invoice 1", now()).await.unwrap();
    let other = stores.accounts.top_up(&tenant, MicroUsd(6), "invoice 1", now()).await.unwrap_err();

    assert_eq!(again.available, MicroUsd(5));
    assert_eq!(other.code, "reference_used");
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!((ledger[0].kind, ledger[0].amount), (EntryKind::TopUp, MicroUsd(5)));
}

pub async fn concurrent_top_ups_all_count(stores: Stores) {
    let tenant = fresh_tenant();
    let attempts = (0..20).map(|n| {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        tokio::spawn(
            async move { stores.accounts.top_up(&tenant, MicroUsd(1), &format!("r{n}"), now()).await.unwrap() },
        )
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.unwrap();
    }

    assert_eq!(stores.accounts.account(&tenant).await.unwrap().available, MicroUsd(20));
}
