//! `DeliveryStore`.

use fluxgate_core::id::DeliveryId;
use fluxgate_core::port::About;
use fluxgate_core::task::{Lane, Task, transition};
use fluxgate_core::webhook::{
    Attempt, Delivery, DeliverySignal, ErrorClass, EventType, Next, Target,
};
use fluxgate_core::{Kind, Reason};

use super::{Stores, archived, fresh_tenant, now};
use crate::eventually;

async fn delivery(stores: &Stores) -> Delivery {
    let tenant = stores.funded(1).await;
    let task = stores.archiving(&tenant).await;
    let mut change = transition(&task, archived(), now()).unwrap();
    let delivery = task.delivery(
        DeliveryId::of(&task.id, 0),
        EventType::TaskCompleted,
        Target::TaskCallback,
        now(),
    );
    change.deliver(delivery.clone());
    stores.tasks.apply(&change).await.unwrap();
    delivery
}

/// The delivery after an attempt that was answered so.
pub fn attempted(delivery: &Delivery, status: u16, next: Next) -> Delivery {
    let attempt = Attempt {
        at: now(),
        duration_ms: 3,
        status: Some(status),
        class: ErrorClass::of_status(status),
        error: None,
        body: None,
        location: None,
        retry_after: None,
    };
    let signal = DeliverySignal::Attempted {
        round: delivery.round,
        attempt,
        next,
    };
    moved(delivery, signal)
}

/// The delivery after a signal that is not rejected.
pub fn moved(delivery: &Delivery, signal: DeliverySignal) -> Delivery {
    fluxgate_core::webhook::transition(delivery, signal, now()).expect("it is not rejected")
}

pub async fn a_delivery_is_updated_over_the_version_it_was_made_from(stores: Stores) {
    let delivery = delivery(&stores).await;
    let delivered = attempted(&delivery, 204, Next::Delivered);

    stores.deliveries.update(&delivered, None).await.unwrap();
    let again = stores.deliveries.update(&delivered, None).await;
    let again = again.unwrap_err();

    assert_eq!(again.kind, Kind::Conflict);
    let task = stores
        .tasks
        .get(&delivery.tenant, &delivery.id.task().unwrap())
        .await
        .unwrap();
    assert_eq!(
        stores.deliveries.of_task(&task).await.unwrap(),
        std::slice::from_ref(&delivered)
    );
    assert_eq!(
        stores
            .deliveries
            .get(&delivery.tenant, &delivery.id)
            .await
            .unwrap(),
        (delivered, About::Task(Box::new(task)))
    );
}

pub async fn an_update_sends_the_job_of_the_next_attempt(stores: Stores) {
    let delivery = delivery(&stores).await;
    let first = super::queue::receive_of(&stores, Lane::Notify, &delivery.tenant).await;
    stores.queue.ack(&first[0]).await.unwrap();
    let retried = attempted(&delivery, 503, Next::RetryAt(now()));
    let job = retried.job(now());

    stores
        .deliveries
        .update(&retried, Some(&job))
        .await
        .unwrap();

    let next = super::queue::receive_of(&stores, Lane::Notify, &delivery.tenant).await;
    let jobs: Vec<_> = next.into_iter().map(|lease| lease.job).collect();
    assert_eq!(jobs, [job.job]);
    let (written, _) = stores
        .deliveries
        .get(&delivery.tenant, &delivery.id)
        .await
        .unwrap();
    assert_eq!(written, retried);
}

/// Whatever of its job the update has removed already.
pub async fn the_job_of_a_delivered_delivery_is_settled_and_comes_no_more(stores: Stores) {
    let delivery = delivery(&stores).await;
    let job = super::queue::receive_of(&stores, Lane::Notify, &delivery.tenant).await;
    let delivered = attempted(&delivery, 204, Next::Delivered);

    stores.deliveries.update(&delivered, None).await.unwrap();
    stores.queue.ack(&job[0]).await.unwrap();

    assert!(super::queue::none_of(&stores, Lane::Notify, &delivery.tenant).await);
}

/// Whoever holds it may still have to tell the other endpoints, and may die before.
pub async fn the_job_of_an_exhausted_delivery_comes_again_unless_it_is_settled(stores: Stores) {
    const LEASE_MS: u64 = 2_000;
    let delivery = delivery(&stores).await;
    let received = eventually("the job", || async {
        let lane = Lane::Notify;
        let leases = super::queue::receive_once(&stores, lane, &delivery.tenant, LEASE_MS);
        leases.await.pop()
    })
    .await;
    let exhausted = attempted(&delivery, 500, Next::Exhausted);

    stores.deliveries.update(&exhausted, None).await.unwrap();

    let again = super::queue::receive_of(&stores, Lane::Notify, &delivery.tenant).await;
    assert_eq!(again[0].job, received.job);
}

/// Every write is over the version that it was made from, the second as the first.
pub async fn of_two_updates_of_a_tried_delivery_one_is_written(stores: Stores) {
    let delivery = delivery(&stores).await;
    let retried = attempted(&delivery, 503, Next::RetryAt(now()));
    stores.deliveries.update(&retried, None).await.unwrap();
    let exhausted = attempted(&retried, 500, Next::Exhausted);
    let cancelled = moved(&retried, DeliverySignal::Cancel);

    stores.deliveries.update(&exhausted, None).await.unwrap();
    let late = stores.deliveries.update(&cancelled, None).await;
    let late = late.unwrap_err();

    assert!(late.is(Reason::VersionMoved), "{late:?}");
    let read = stores.deliveries.get(&delivery.tenant, &delivery.id);
    assert_eq!(read.await.unwrap().0, exhausted);
}

pub async fn another_tenant_s_delivery_is_not_found(stores: Stores) {
    let delivery = delivery(&stores).await;
    let stranger = fresh_tenant();

    assert_eq!(
        stores
            .deliveries
            .get(&stranger, &delivery.id)
            .await
            .unwrap_err()
            .kind,
        Kind::NotFound
    );
    let theirs = stores
        .tasks
        .get(&delivery.tenant, &delivery.id.task().unwrap())
        .await
        .unwrap();
    assert!(
        stores
            .deliveries
            .of_task(&Task {
                tenant: stranger,
                ..theirs
            })
            .await
            .unwrap()
            .is_empty()
    );
}
