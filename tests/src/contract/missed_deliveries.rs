//! `DeliveryStore::list`: what an endpoint missed, which a recovery sends it.

use fluxgate_core::webhook::{DeliveryQuery, DeliverySignal, DeliveryState, Next};

use super::delivery_lists::{fresh_endpoint, missed_by, picked, second};
use super::delivery_store::{attempted, moved};
use super::{Stores, now};

pub async fn what_an_endpoint_missed_is_found_oldest_first(stores: Stores) {
    let tenant = stores.funded(1).await;
    let (mine, other) = (fresh_endpoint(), fresh_endpoint());
    let places = [(2, &mine), (0, &mine), (1, &mine), (3, &mine), (4, &other)]
        .map(|(n, target)| (target.clone(), DeliveryState::Pending, second(n)));
    let (_, made) = stores.ended_with(&tenant, places).await;
    let retry = Next::RetryAt(now().plus_ms(600_000));
    let mut after = Vec::new();
    for (delivery, (status, next)) in made.iter().zip([
        (500, Next::Exhausted),
        (410, Next::Hold),
        (204, Next::Delivered),
        (500, retry),
        (500, Next::Exhausted),
    ]) {
        after.push(stores.written(attempted(delivery, status, next)).await);
    }

    let missed = stores.listed(&tenant, &missed_by(&mine)).await;
    let held = DeliveryQuery {
        states: vec![DeliveryState::Held],
        ..missed_by(&mine)
    };
    let held = stores.listed(&tenant, &held).await;
    let since = DeliveryQuery {
        from: Some(second(1)),
        ..missed_by(&mine)
    };
    let since = stores.listed(&tenant, &since).await;

    assert_eq!(missed, picked(&after, &[1, 0]));
    assert_eq!(held, picked(&after, &[1]));
    assert_eq!(since, picked(&after, &[0]));
}

/// Nobody has tried them, and only a recovery will.
pub async fn deliveries_that_are_held_from_their_task_s_end_are_among_the_missed(stores: Stores) {
    const HELD: i64 = 150;
    let tenant = stores.funded(2).await;
    let endpoint = fresh_endpoint();
    let place = |n| (endpoint.clone(), DeliveryState::Held, second(n));
    let (_, mut held) = stores.ended_with(&tenant, (0..HELD).map(place)).await;
    let (_, one_more) = stores.ended_with(&tenant, [place(HELD)]).await;
    held.extend(one_more);

    let query = DeliveryQuery {
        limit: 40,
        ..missed_by(&endpoint)
    };
    assert_eq!(stores.listed(&tenant, &query).await, held);
}

pub async fn what_is_delivered_after_a_replay_is_missed_no_more(stores: Stores) {
    let tenant = stores.funded(1).await;
    let endpoint = fresh_endpoint();
    let place = |n, state| (endpoint.clone(), state, second(n));
    let places = [
        place(0, DeliveryState::Pending),
        place(1, DeliveryState::Held),
        place(2, DeliveryState::Held),
    ];
    let (_, made) = stores.ended_with(&tenant, places).await;
    let exhausted = attempted(&made[0], 500, Next::Exhausted);
    let exhausted = stores.written(exhausted).await;
    let missed = || async { stores.listed(&tenant, &missed_by(&endpoint)).await };
    let all = vec![exhausted.clone(), made[1].clone(), made[2].clone()];
    assert_eq!(missed().await, all);

    let replayed = moved(&exhausted, DeliverySignal::Replay);
    let replayed = stores.written(replayed).await;
    let released = moved(&made[1], DeliverySignal::Release);
    let released = stores.written(released).await;
    assert_eq!(missed().await, all[2..]);

    let again = stores
        .written(attempted(&replayed, 500, Next::Exhausted))
        .await;
    let cancelled = moved(&made[2], DeliverySignal::Cancel);
    stores.written(cancelled).await;
    assert_eq!(missed().await, std::slice::from_ref(&again));

    // Another worker's attempt of before reached the receiver after all.
    stores
        .written(attempted(&again, 204, Next::Delivered))
        .await;
    stores
        .written(attempted(&released, 204, Next::Delivered))
        .await;
    assert_eq!(missed().await, []);
}
