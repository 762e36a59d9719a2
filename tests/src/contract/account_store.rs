//! `AccountStore`.

use fluxgate_core::money::{Account, EntryKind, MicroUsd};
use fluxgate_core::tenant::AuditAction;

use super::{PRICE, Stores, fresh_tenant};
use crate::eventually;

pub async fn an_account_that_never_had_money_is_all_zero(stores: Stores) {
    assert_eq!(
        stores.accounts.account(&fresh_tenant()).await.unwrap(),
        Account::default()
    );
}

pub async fn a_top_up_with_the_same_reference_counts_once(stores: Stores) {
    let tenant = fresh_tenant();

    stores
        .top_up(&tenant, MicroUsd(5), "invoice 1")
        .await
        .unwrap();
    let again = stores
        .top_up(&tenant, MicroUsd(5), "invoice 1")
        .await
        .unwrap();
    let other = stores
        .top_up(&tenant, MicroUsd(6), "invoice 1")
        .await
        .unwrap_err();

    assert_eq!(again.available, MicroUsd(5));
    assert_eq!(other.code, "reference_used");
    let ledger = stores.accounts.ledger(&tenant).await.unwrap();
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        (ledger[0].kind, ledger[0].amount),
        (EntryKind::TopUp, MicroUsd(5))
    );
    let told = stores.logged(&tenant).await;
    assert_eq!(told.len(), 1, "a top-up that added nothing is not logged");
    assert_eq!(
        (told[0].action, told[0].at),
        (AuditAction::AccountToppedUp, ledger[0].at)
    );
}

pub async fn concurrent_top_ups_all_count(stores: Stores) {
    let tenant = fresh_tenant();
    let attempts = (0..20).map(|n| {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        tokio::spawn(async move {
            stores
                .top_up(&tenant, MicroUsd(1), &format!("r{n}"))
                .await
                .unwrap()
        })
    });
    for attempt in attempts.collect::<Vec<_>>() {
        attempt.await.unwrap();
    }

    assert_eq!(
        stores.accounts.account(&tenant).await.unwrap().available,
        MicroUsd(20)
    );
}

pub async fn the_accounts_of_many_tenants_are_read_in_their_order(stores: Stores) {
    let tenants = [
        stores.funded(2).await,
        fresh_tenant(),
        stores.funded(1).await,
    ];

    let accounts = eventually("accounts as they were written", || async {
        let accounts = stores.accounts.accounts_of(&tenants).await.unwrap();
        (accounts[2].available == PRICE).then_some(accounts)
    })
    .await;

    let available: Vec<i64> = accounts.iter().map(|account| account.available.0).collect();
    assert_eq!(available, [2 * PRICE.0, 0, PRICE.0]);
    assert!(stores.accounts.accounts_of(&[]).await.unwrap().is_empty());
}
