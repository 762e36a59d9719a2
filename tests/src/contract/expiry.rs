//! What expires in stores whose items do not expire by themselves.

use fluxgate_core::Kind;
use fluxgate_core::id::TaskId;
use fluxgate_core::money::{MicroUsd, Zone};
use fluxgate_core::port::{About, Ids as _, SystemEntropy};
use fluxgate_core::task::Lane;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{DeliveryState, Next};

use super::api_keys::limited;
use super::delivery_lists::{fresh_endpoint, of, picked, second};
use super::delivery_store::attempted;
use super::idempotency_keys::key;
use super::inboxes::HOUR_MS;
use super::notices::published;
use super::queue::{archive, receive_of, send};
pub use super::removal_passes::the_keys_of_a_month_stay_while_one_of_its_tasks_is_open;
use super::{PRICE, Stores, admission, archived, finished, fresh_run, fresh_tenant, now};

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

pub async fn expired_idempotency_keys_are_removed_step_by_step(stores: Stores) {
    let (tenant, later) = (stores.funded(9).await, now().plus_ms(HOUR_MS));
    for (n, kept_ms) in [1, 2, 3, 2 * HOUR_MS].into_iter().enumerate() {
        let mut admission = admission(&tenant);
        admission.idempotency = key(&format!("k{n}"), 1, now().plus_ms(kept_ms));
        stores.admit(admission).await.unwrap();
    }

    let retention = stores.store.retention();
    let expire = || retention.expire_idempotency_keys(later, 2);
    let removed = [expire().await, expire().await, expire().await].map(Result::unwrap);

    assert_eq!(removed, [2, 1, 0]);
    let kept = key("k3", 1, now()).expect("a key");
    let task = stores.tasks.existing(&tenant, &kept, later).await;
    assert!(task.unwrap().is_some(), "a key that has not expired");
}

pub async fn what_api_keys_used_in_old_months_is_removed(stores: Stores) {
    let (tenant, counter) = (stores.funded(9).await, SystemEntropy.key_id(now()));
    stores
        .admit(limited(&tenant, &counter, PRICE))
        .await
        .unwrap();
    let month = Zone::default().month_at(now());

    let retention = stores.store.retention();
    let this_month = retention.expire_key_use(month, 9).await.unwrap();
    let used = stores.keys.key_use(&tenant, &counter, month).await.unwrap();
    let next_month = retention.expire_key_use(month.next(), 9).await.unwrap();

    assert_eq!((this_month, used, next_month), (0, PRICE, 1));
    let used = stores.keys.key_use(&tenant, &counter, month).await.unwrap();
    assert_eq!(used, MicroUsd::ZERO);
}

pub async fn old_dead_letters_are_removed(stores: Stores) {
    let tenant = fresh_tenant();
    send(&stores, &archive(&tenant), 0).await;
    let lease = receive_of(&stores, Lane::Archive, &tenant).await.remove(0);
    stores.queue.fail(&lease, 0, "no bucket", 1).await.unwrap();

    let retention = stores.store.retention();
    let expire = |before| retention.expire_dead_letters(before, 9);
    let young = expire(Timestamp(now().0 - 60_000)).await.unwrap();
    let old = expire(now().plus_ms(60_000)).await.unwrap();

    assert_eq!((young, old), (0, 1));
    assert_eq!(stores.queue.dead_letters(Lane::Archive).await.unwrap(), []);
}

pub async fn inputs_and_callback_urls_of_old_tasks_go_step_by_step_and_open_tasks_keep_theirs(
    stores: Stores,
) {
    let tenant = stores.funded(9).await;
    let with_callback = || {
        let mut admission = admission(&tenant);
        admission.task.callback = Some("https://hooks.example/x".into());
        stores.admit(admission)
    };
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(with_callback().await.unwrap());
    }
    for n in [0, 1, 3] {
        let finished = stores.signal(&made[n], finished(fresh_run())).await;
        stores.signal(&finished, archived()).await;
    }

    let end = TaskId::lowest_at(now().plus_ms(HOUR_MS));
    let retention = stores.store.retention();
    let drop_one = async |end: &TaskId| retention.drop_inputs(&tenant, end, 1).await.unwrap();
    let young = drop_one(&TaskId::lowest_at(Timestamp(1))).await;
    let (first, second, third) = (
        drop_one(&end).await,
        drop_one(&end).await,
        drop_one(&end).await,
    );

    assert_eq!((young, first, second, third), (0, 1, 1, 0));
    for (n, is_left) in [false, false, true, true].into_iter().enumerate() {
        let (tenant, id) = (&made[n].tenant, &made[n].id);
        let inputs = stores.tasks.inputs(tenant, id).await.unwrap();
        let task = stores.tasks.get(tenant, id).await.unwrap();
        let left = (inputs != "{}", task.callback.is_some());
        assert_eq!(left, (is_left, is_left), "task {n}");
    }
}
