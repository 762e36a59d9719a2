//! `DeliveryStore::expire`, for stores whose items do not expire by themselves.

use fluxgate_core::Kind;
use fluxgate_core::port::About;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{DeliveryState, Next};

use super::delivery_lists::{fresh_endpoint, of, picked, second};
use super::delivery_store::attempted;
use super::inboxes::HOUR_MS;
use super::notices::published;
use super::{Stores, fresh_tenant, now};

pub async fn old_deliveries_are_removed_unless_they_are_pending_or_were_tried_of_late(
    stores: Stores,
) {
    let tenant = stores.funded(1).await;
    let endpoint = fresh_endpoint();
    let place = |n, state| (endpoint.clone(), state, second(n));
    let places = [
        place(0, DeliveryState::Held),
        place(1, DeliveryState::Pending),
        place(2, DeliveryState::Pending),
        place(3, DeliveryState::Cancelled),
        place(9, DeliveryState::Held),
    ];
    let (task, mut made) = stores.ended_with(&tenant, places).await;
    made[2] = stores
        .written(attempted(&made[2], 500, Next::Exhausted))
        .await;

    let expire = |limit| stores.deliveries.expire(second(9), limit);
    let removed = [expire(1).await, expire(9).await, expire(9).await].map(Result::unwrap);

    assert_eq!(removed, [1, 1, 0]);
    let mut left = stores.listed(&tenant, &of(&endpoint)).await;
    left.reverse();
    assert_eq!(left, picked(&made, &[1, 2, 4]));
    let gone = stores.deliveries.get(&tenant, &made[0].id).await;
    assert_eq!(gone.unwrap_err().kind, Kind::NotFound);
    assert_eq!(stores.deliveries.of_task(&task).await.unwrap().len(), 3);
}

pub async fn an_event_without_a_task_goes_with_its_last_delivery(stores: Stores) {
    let tenant = fresh_tenant();
    let (notice, made) = published(&stores, &tenant).await;
    let later = now().plus_ms(HOUR_MS);

    let held_alone = stores.deliveries.expire(later, 9).await.unwrap();
    let (pending, about) = stores.deliveries.get(&tenant, &made[0].id).await.unwrap();
    stores
        .written(attempted(&pending, 204, Next::Delivered))
        .await;
    let rest = stores.deliveries.expire(later, 9).await.unwrap();
    stores.deliveries.publish(&notice, &made).await.unwrap();

    assert_eq!((held_alone, about, rest), (1, About::Notice(notice), 1));
    let again = stores.deliveries.get(&tenant, &made[1].id).await;
    assert!(
        again.is_ok(),
        "the event was forgotten, so it is written anew: {again:?}"
    );
}

/// Whoever has not read them in all that time will not.
pub async fn events_that_nobody_reads_expire_like_others(stores: Stores) {
    let tenant = stores.funded(1).await;
    let endpoint = stores.pull_endpoint(&tenant, Timestamp(0)).await.unwrap();
    stores.told_at(&endpoint, now()).await.unwrap();
    assert_eq!(stores.inbox(&endpoint).await.len(), 1);

    let later = now().plus_ms(HOUR_MS);
    assert_eq!(stores.deliveries.expire(later, 9).await.unwrap(), 1);

    assert!(stores.inbox(&endpoint).await.is_empty());
}
