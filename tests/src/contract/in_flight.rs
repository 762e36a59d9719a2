//! Tasks in flight: counted with the admission, let go with the end, and limited.

use fluxgate_core::app::check_books;
use fluxgate_core::id::TenantId;
use fluxgate_core::money::MicroUsd;
use fluxgate_core::task::{Admission, Failure, Signal, Task};
use fluxgate_core::{Kind, Retry};

use super::{Stores, admission, archived, finished, fresh_run, fresh_tenant};

fn limited(tenant: &TenantId, price: i64, max: u32) -> Admission {
    let mut admission = admission(tenant);
    admission.task.price = MicroUsd(price);
    admission.tasks_in_flight_max = Some(max);
    admission
}

async fn in_flight(stores: &Stores, tenant: &TenantId) -> u32 {
    assert_eq!(check_books(&*stores.accounts, tenant).await.unwrap(), []);
    stores.accounts.account(tenant).await.unwrap().in_flight
}

async fn failed(stores: &Stores, task: &Task) {
    stores
        .signal(
            task,
            Signal::SubmitRefused(Failure::new(1401, "refused", "text")),
        )
        .await;
}

pub async fn a_task_too_many_is_refused_until_another_is_over(stores: Stores) {
    let tenant = stores.funded(9).await;
    let first = stores.admit(limited(&tenant, 1_000, 2)).await.unwrap();
    let second = stores.admit(limited(&tenant, 1_000, 2)).await.unwrap();

    let error = stores.admit(limited(&tenant, 1_000, 2)).await.unwrap_err();
    failed(&stores, &first).await;
    stores.admit(limited(&tenant, 1_000, 2)).await.unwrap();
    let archiving = stores.signal(&second, finished(fresh_run())).await;
    assert_eq!(in_flight(&stores, &tenant).await, 2);
    stores.signal(&archiving, archived()).await;

    assert_eq!(
        (error.kind, error.code, error.retry),
        (Kind::Busy, "too_many_tasks", Retry::AfterMs(5_000))
    );
    assert!(
        error.message.contains("2 tasks in flight, the limit is 2"),
        "{error}"
    );
    assert_eq!(in_flight(&stores, &tenant).await, 1);
}

pub async fn tasks_without_a_price_are_counted_when_there_is_a_limit(stores: Stores) {
    let tenant = fresh_tenant();

    let first = stores.admit(limited(&tenant, 0, 1)).await.unwrap();
    let refused = stores.admit(limited(&tenant, 0, 1)).await.unwrap_err();
    assert_eq!(in_flight(&stores, &tenant).await, 1);
    failed(&stores, &first).await;
    let unlimited = stores
        .admit(Admission {
            tasks_in_flight_max: None,
            ..limited(&tenant, 0, 1)
        })
        .await
        .unwrap();

    assert_eq!(refused.code, "too_many_tasks");
    assert!(first.hold.counted && !unlimited.hold.counted);
    assert_eq!(in_flight(&stores, &tenant).await, 0);
}

pub async fn a_limit_set_while_tasks_run_counts_them(stores: Stores) {
    let tenant = stores.funded(9).await;
    let running = stores.admitted(&tenant).await;
    stores.admitted(&tenant).await;

    let refused = stores.admit(limited(&tenant, 1_000, 2)).await.unwrap_err();
    failed(&stores, &running).await;

    assert_eq!(refused.code, "too_many_tasks");
    stores.admit(limited(&tenant, 1_000, 2)).await.unwrap();
}

pub async fn of_many_admissions_only_those_within_the_limit_succeed(stores: Stores) {
    let tenant = stores.funded(40).await;
    let attempts = (0..40).map(|n| {
        // Every other one is free.
        let (stores, admission) = (stores.clone(), limited(&tenant, 1_000 * (n % 2), 7));
        tokio::spawn(async move { stores.admit(admission).await })
    });

    let mut accepted = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(_) => accepted += 1,
            Err(error) => assert_eq!(error.code, "too_many_tasks", "{error}"),
        }
    }

    assert_eq!((accepted, in_flight(&stores, &tenant).await), (7, 7));
}
