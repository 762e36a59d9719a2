//! `TaskStore`: admission under an idempotency key.

use fluxgate_core::Kind;
use fluxgate_core::id::IdempotencyKey;
use fluxgate_core::port::Admitted;
use fluxgate_core::task::Idempotency;
use fluxgate_core::time::Timestamp;

use super::{PRICE, Stores, admission, fresh_tenant, now};

pub(super) fn key(text: &str, request: u8, expires_at: Timestamp) -> Option<Idempotency> {
    Some(Idempotency {
        key: IdempotencyKey::parse(text).expect("a valid key"),
        request: [request; 32],
        expires_at,
    })
}

pub async fn a_key_used_again_for_the_same_request_gives_the_same_task_and_holds_once(
    stores: Stores,
) {
    let tenant = stores.funded(1).await;
    let mut first = admission(&tenant);
    first.idempotency = key("k", 1, now().plus_ms(60_000));
    let mut second = admission(&tenant);
    second.idempotency = key("k", 1, now().plus_ms(60_000));

    let task = stores.admit(first).await.unwrap();
    let again = stores.tasks.admit(second).await.unwrap();

    assert_eq!(again, Admitted::Existing(Box::new(task.clone())));
    let known = key("k", 1, now()).expect("a key");
    assert_eq!(
        stores.tasks.existing(&tenant, &known, now()).await.unwrap(),
        Some(task)
    );
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}

pub async fn a_key_used_again_for_another_request_is_refused(stores: Stores) {
    let tenant = stores.funded(2).await;
    let mut first = admission(&tenant);
    first.idempotency = key("k", 1, now().plus_ms(60_000));
    let mut second = admission(&tenant);
    second.idempotency = key("k", 2, now().plus_ms(60_000));

    stores.tasks.admit(first).await.unwrap();
    let error = stores.tasks.admit(second).await.unwrap_err();

    assert_eq!(error.kind, Kind::KeyReused);
    let other = key("k", 2, now()).expect("a key");
    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &other, now())
            .await
            .unwrap_err()
            .kind,
        Kind::KeyReused
    );
    assert_eq!(
        stores
            .tasks
            .existing(&fresh_tenant(), &other, now())
            .await
            .unwrap(),
        None
    );
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}

pub async fn an_expired_key_is_as_if_it_had_never_been_used(stores: Stores) {
    let tenant = stores.funded(2).await;
    let mut first = admission(&tenant);
    first.idempotency = key("k", 1, Timestamp(now().0 - 1));
    let mut second = admission(&tenant);
    second.idempotency = key("k", 2, now().plus_ms(60_000));

    stores.tasks.admit(first).await.unwrap();

    let expired = key("k", 1, now()).expect("a key");
    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &expired, now())
            .await
            .unwrap(),
        None
    );
    assert!(matches!(
        stores.tasks.admit(second).await.unwrap(),
        Admitted::New(_)
    ));
}

pub async fn an_admission_without_money_leaves_its_key_free(stores: Stores) {
    let tenant = fresh_tenant();
    let keyed = |request| {
        let mut admission = admission(&tenant);
        admission.idempotency = key("k", request, now().plus_ms(60_000));
        admission
    };
    for _ in 0..2 {
        assert_eq!(
            stores.tasks.admit(keyed(1)).await.unwrap_err().kind,
            Kind::InsufficientFunds
        );
    }
    let known = |request| key("k", request, now()).expect("a key");
    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &known(1), now())
            .await
            .unwrap(),
        None
    );

    stores.top_up(&tenant, PRICE, "second").await.unwrap();
    let task = stores.admit(keyed(2)).await.unwrap();

    assert_eq!(
        stores
            .tasks
            .existing(&tenant, &known(2), now())
            .await
            .unwrap(),
        Some(task.clone())
    );
    assert_eq!(
        stores.tasks.admit(keyed(1)).await.unwrap_err().kind,
        Kind::KeyReused
    );
    assert_eq!(stores.tasks.list(&tenant, None, 10).await.unwrap(), [task]);
}

pub async fn of_many_admissions_with_one_key_and_money_for_one_all_give_that_one(stores: Stores) {
    let tenant = stores.funded(1).await;
    let attempts = (0..16).map(|_| {
        let (stores, mut admission) = (stores.clone(), admission(&tenant));
        admission.idempotency = key("k", 1, now().plus_ms(60_000));
        tokio::spawn(async move {
            match stores.tasks.admit(admission).await.unwrap() {
                Admitted::New(task) | Admitted::Existing(task) => task.id,
            }
        })
    });

    let mut ids = std::collections::BTreeSet::new();
    for attempt in attempts.collect::<Vec<_>>() {
        ids.insert(attempt.await.unwrap());
    }

    assert_eq!(ids.len(), 1);
    assert_eq!(stores.tasks.list(&tenant, None, 10).await.unwrap().len(), 1);
}

pub async fn a_key_belongs_to_one_tenant(stores: Stores) {
    let (one, other) = (stores.funded(1).await, stores.funded(1).await);
    let mut first = admission(&one);
    first.idempotency = key("k", 1, now().plus_ms(60_000));
    let mut second = admission(&other);
    second.idempotency = key("k", 2, now().plus_ms(60_000));

    stores.tasks.admit(first).await.unwrap();

    assert!(matches!(
        stores.tasks.admit(second).await.unwrap(),
        Admitted::New(_)
    ));
}

pub async fn of_many_admissions_with_one_key_one_is_new(stores: Stores) {
    let tenant = stores.funded(16).await;
    let attempts = (0..16).map(|_| {
        let (stores, mut admission) = (stores.clone(), admission(&tenant));
        admission.idempotency = key("k", 1, now().plus_ms(60_000));
        tokio::spawn(async move { stores.tasks.admit(admission).await.unwrap() })
    });

    let mut new = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        new += usize::from(matches!(attempt.await.unwrap(), Admitted::New(_)));
    }

    assert_eq!(new, 1);
    assert_eq!(stores.accounts.account(&tenant).await.unwrap().held, PRICE);
}
