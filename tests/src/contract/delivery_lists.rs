//! `DeliveryStore::list`.

use std::sync::LazyLock;

use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::port::Ids as _;
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::task::Task;
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{Delivery, DeliveryQuery, DeliveryState, EventType, Next, Target};
use tokio::task::JoinSet;

use super::delivery_store::attempted;
use super::task_store_changes::completed;
use super::{Stores, fresh_tenant, now};

/// What a recovery looks for.
const MISSED: [DeliveryState; 2] = [DeliveryState::Held, DeliveryState::Exhausted];

/// The `n`th second of the test's hour.
pub(super) fn second(n: i64) -> Timestamp {
    static START: LazyLock<i64> = LazyLock::new(|| now().0 - 3_600_000);
    Timestamp(*START + n * 1_000)
}

pub(super) fn fresh_endpoint() -> Target {
    Target::Endpoint(SystemEntropy.endpoint_id(now()))
}

pub(super) fn of(target: &Target) -> DeliveryQuery {
    DeliveryQuery {
        target: Some(target.clone()),
        limit: 100,
        ..DeliveryQuery::default()
    }
}

fn everything() -> DeliveryQuery {
    DeliveryQuery {
        limit: 100,
        ..DeliveryQuery::default()
    }
}

pub(super) fn missed_by(target: &Target) -> DeliveryQuery {
    DeliveryQuery {
        states: MISSED.to_vec(),
        oldest_first: true,
        ..of(target)
    }
}

pub(super) fn picked(deliveries: &[Delivery], numbers: &[usize]) -> Vec<Delivery> {
    numbers.iter().map(|n| deliveries[*n].clone()).collect()
}

impl Stores {
    /// A task that ends with these deliveries. No job is sent for them.
    pub async fn ended_with(
        &self,
        tenant: &TenantId,
        places: impl IntoIterator<Item = (Target, DeliveryState, Timestamp)>,
    ) -> (Task, Vec<Delivery>) {
        let task = self.archiving(tenant).await;
        let mut change = completed(&task);
        for (n, (target, state, at)) in places.into_iter().enumerate() {
            let id = DeliveryId::of(&task.id, n);
            change.deliveries.push(Delivery {
                state,
                ..task.delivery(id, EventType::TaskCompleted, target, at)
            });
        }
        self.tasks.apply(&change).await.expect("nobody changes it");
        (change.task, change.deliveries)
    }

    /// The same, once each has been tried and is to be tried again.
    async fn tried_with(
        &self,
        tenant: &TenantId,
        places: impl IntoIterator<Item = (Target, Timestamp)>,
    ) -> (Task, Vec<Delivery>) {
        let places = places
            .into_iter()
            .map(|(target, at)| (target, DeliveryState::Pending, at));
        let (task, deliveries) = self.ended_with(tenant, places).await;
        let mut tried = Vec::new();
        for delivery in deliveries {
            let retry = Next::RetryAt(now().plus_ms(600_000));
            tried.push(self.written(attempted(&delivery, 503, retry)).await);
        }
        (task, tried)
    }

    pub(super) async fn written(&self, delivery: Delivery) -> Delivery {
        let update = self.deliveries.update(&delivery, None);
        update.await.expect("nobody changes it");
        delivery
    }

    /// What a query finds, from its first page to its last.
    pub(super) async fn listed(&self, tenant: &TenantId, query: &DeliveryQuery) -> Vec<Delivery> {
        let (mut query, mut found) = (query.clone(), Vec::new());
        for _ in 0..200 {
            let page = self.deliveries.list(tenant, &query).await.unwrap();
            assert!(page.deliveries.len() <= query.limit);
            found.extend(page.deliveries);
            query.after = page.next;
            if query.after.is_none() {
                return found;
            }
        }
        panic!("the pages do not end");
    }
}

pub async fn an_endpoint_s_deliveries_are_listed_in_both_orders(stores: Stores) {
    let tenant = stores.funded(1).await;
    let (mine, other) = (fresh_endpoint(), fresh_endpoint());
    let places = [
        (mine.clone(), second(1)),
        (other, second(2)),
        (mine.clone(), second(3)),
        (Target::TaskCallback, second(4)),
    ];
    let (_, made) = stores.tried_with(&tenant, places).await;

    let newest_first = stores.listed(&tenant, &of(&mine)).await;
    let oldest_first = DeliveryQuery {
        oldest_first: true,
        ..of(&mine)
    };
    let oldest_first = stores.listed(&tenant, &oldest_first).await;
    let callbacks = stores.listed(&tenant, &of(&Target::TaskCallback)).await;

    assert_eq!(newest_first, picked(&made, &[2, 0]));
    assert_eq!(oldest_first, picked(&made, &[0, 2]));
    assert_eq!(callbacks, picked(&made, &[3]));
}

/// Three deliveries of two tasks, to an endpoint and to a callback: delivered, to be tried again,
/// exhausted.
async fn of_each_kind(stores: &Stores, tenant: &TenantId) -> (Task, Vec<Delivery>) {
    let endpoint = stores.endpoint(tenant).await.unwrap().target();
    let places = [(endpoint, second(1)), (Target::TaskCallback, second(2))];
    let places = places.map(|(target, at)| (target, DeliveryState::Pending, at));
    let (_, first) = stores.ended_with(tenant, places.clone()).await;
    let places = [(places[0].0.clone(), DeliveryState::Pending, second(3))];
    let (task, second) = stores.ended_with(tenant, places).await;
    let retry = Next::RetryAt(now().plus_ms(600_000));
    let mut made = Vec::new();
    for (delivery, status, next) in [
        (&first[0], 204, Next::Delivered),
        (&first[1], 500, retry),
        (&second[0], 500, Next::Exhausted),
    ] {
        made.push(stores.written(attempted(delivery, status, next)).await);
    }
    (task, made)
}

pub async fn deliveries_are_found_by_state_task_and_time(stores: Stores) {
    let tenant = stores.funded(2).await;
    let (task, made) = of_each_kind(&stores, &tenant).await;
    let in_states = |states: &[DeliveryState]| DeliveryQuery {
        states: states.to_vec(),
        ..everything()
    };
    let between = |from: Option<i64>, before: Option<i64>| DeliveryQuery {
        from: from.map(second),
        before: before.map(second),
        ..everything()
    };
    let of_task = DeliveryQuery {
        task: Some(task.id),
        ..everything()
    };

    for (query, expected) in [
        (everything(), &[2, 1, 0][..]),
        (in_states(&[DeliveryState::Delivered]), &[0]),
        (
            in_states(&[DeliveryState::Pending, DeliveryState::Exhausted]),
            &[2, 1],
        ),
        (in_states(&MISSED), &[2]),
        (in_states(&[DeliveryState::Cancelled]), &[]),
        (of_task, &[2]),
        (between(Some(2), None), &[2, 1]),
        (between(None, Some(2)), &[0]),
        (between(Some(2), Some(3)), &[1]),
        (between(Some(3), Some(1)), &[]),
    ] {
        let found = stores.listed(&tenant, &query).await;
        assert_eq!(found, picked(&made, expected), "{query:?}");
    }
}

pub async fn deliveries_are_found_by_their_event(stores: Stores) {
    let tenant = stores.funded(1).await;
    let endpoint = stores.endpoint(&tenant).await.unwrap().target();
    let task = stores.archiving(&tenant).await;
    let mut change = completed(&task);
    for (n, event) in [EventType::TaskStarted, EventType::TaskCompleted]
        .into_iter()
        .enumerate()
    {
        let (id, at) = (DeliveryId::of(&task.id, n), second(1));
        let delivery = task.delivery(id, event, endpoint.clone(), at);
        change.deliveries.push(delivery);
    }
    stores.tasks.apply(&change).await.unwrap();
    let started = attempted(&change.deliveries[0], 204, Next::Delivered);
    stores.written(started.clone()).await;
    let ended = attempted(&change.deliveries[1], 204, Next::Delivered);
    stores.written(ended.clone()).await;
    let of = |event| DeliveryQuery {
        event: Some(event),
        ..everything()
    };

    let found = stores.listed(&tenant, &of(EventType::TaskStarted)).await;
    assert_eq!(found, [started]);
    let found = stores.listed(&tenant, &of(EventType::TaskCompleted)).await;
    assert_eq!(found, [ended]);
    let found = stores.listed(&tenant, &of(EventType::TaskFailed)).await;
    assert_eq!(found, []);
}

pub async fn pages_follow_each_other_without_gaps_and_doubles(stores: Stores) {
    let tenant = stores.funded(2).await;
    let mut targets = vec![Target::TaskCallback];
    for _ in 0..3 {
        targets.push(stores.endpoint(&tenant).await.unwrap().target());
    }
    // Several events of one moment, and of one moment for one endpoint.
    let place = |n: usize| (targets[n % 4].clone(), second(n as i64 / 6));
    let (task, mut made) = stores.tried_with(&tenant, (0..14).map(place)).await;
    let of_one_task = made.len();
    made.extend(stores.tried_with(&tenant, (0..5).map(place)).await.1);
    let queries = [
        (everything(), made.clone()),
        (
            of(&targets[1]),
            made.iter()
                .filter(|it| it.target == targets[1])
                .cloned()
                .collect(),
        ),
        (
            DeliveryQuery {
                task: Some(task.id),
                ..everything()
            },
            made[..of_one_task].to_vec(),
        ),
    ];

    for (query, mut expected) in queries {
        for oldest_first in [true, false] {
            expected.sort_by_key(Delivery::cursor);
            if !oldest_first {
                expected.reverse();
            }
            for limit in [1, 3, expected.len(), 100] {
                let query = DeliveryQuery {
                    oldest_first,
                    limit,
                    ..query.clone()
                };
                let found = stores.listed(&tenant, &query).await;
                assert_eq!(found, expected, "{query:?}");
            }
        }
    }
}

/// A page looks at so many and no more.
pub async fn a_page_may_be_empty_and_not_the_last(stores: Stores) {
    let tenant = stores.funded(1).await;
    let endpoint = fresh_endpoint();
    let places = (0..=DeliveryQuery::LOOKED_AT_MAX as i64)
        .map(|n| (endpoint.clone(), DeliveryState::Pending, second(n)));
    let (_, made) = stores.ended_with(&tenant, places).await;
    let oldest = attempted(&made[0], 204, Next::Delivered);
    stores.written(oldest.clone()).await;
    let mut writers = JoinSet::new();
    for chunk in made[1..].chunks(50).map(<[Delivery]>::to_vec) {
        let stores = stores.clone();
        writers.spawn(async move {
            for delivery in chunk {
                stores
                    .written(attempted(&delivery, 503, Next::RetryAt(now())))
                    .await;
            }
        });
    }
    writers.join_all().await;
    let query = DeliveryQuery {
        states: vec![DeliveryState::Delivered],
        limit: 10,
        ..of(&endpoint)
    };

    let first = stores.deliveries.list(&tenant, &query).await.unwrap();

    assert!(first.deliveries.is_empty() && first.next.is_some());
    assert_eq!(stores.listed(&tenant, &query).await, [oldest]);
}

pub async fn another_tenant_s_deliveries_are_not_listed(stores: Stores) {
    let (tenant, stranger) = (stores.funded(2).await, fresh_tenant());
    let (task, made) = of_each_kind(&stores, &tenant).await;
    let of_task = DeliveryQuery {
        task: Some(task.id),
        ..everything()
    };

    for query in [
        everything(),
        of(&made[0].target),
        missed_by(&made[0].target),
        of_task,
    ] {
        assert!(!stores.listed(&tenant, &query).await.is_empty());
        assert_eq!(stores.listed(&stranger, &query).await, [], "{query:?}");
    }
}
