//! `DeliveryStore`: events that are about no task.

use fluxgate_core::Kind;
use fluxgate_core::id::{EventId, TenantId};
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{About, Ids as _};
use fluxgate_core::task::Lane;
use fluxgate_core::webhook::{
    Delivery, DeliveryQuery, DeliverySignal, DeliveryState, Endpoint, EventType, Next, Notice,
};
use serde_json::json;

use super::delivery_store::{attempted, moved};
use super::endpoint_store::endpoint;
use super::{Stores, fresh_tenant, now};

fn notice(tenant: &TenantId) -> Notice {
    let id = EventId::parse(&format!("evt_{}", SystemEntropy.id32(now()))).expect("a valid id");
    Notice {
        tenant: tenant.clone(),
        id,
        event: EventType::EndpointDisabled,
        at: now(),
        data: json!({ "endpoint_id": "e", "consecutive_failures": 40 }),
    }
}

fn disabled(tenant: &TenantId) -> Endpoint {
    Endpoint {
        enabled: false,
        ..endpoint(tenant)
    }
}

/// An event for an endpoint and for one that is disabled.
pub(super) async fn published(stores: &Stores, tenant: &TenantId) -> (Notice, Vec<Delivery>) {
    let notice = notice(tenant);
    let deliveries = notice.deliveries(&[endpoint(tenant), disabled(tenant)], None, now());
    let publish = stores.deliveries.publish(&notice, &deliveries);
    publish.await.unwrap();
    (notice, deliveries)
}

pub async fn an_event_without_a_task_is_published_with_its_deliveries_and_their_jobs(
    stores: Stores,
) {
    let tenant = fresh_tenant();

    let (notice, deliveries) = published(&stores, &tenant).await;

    for delivery in &deliveries {
        assert_eq!(
            stores.deliveries.get(&tenant, &delivery.id).await.unwrap(),
            (delivery.clone(), About::Notice(notice.clone()))
        );
    }
    let states: Vec<_> = deliveries.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Pending, DeliveryState::Held]);
    let jobs = super::queue::receive_of(&stores, Lane::Notify, &tenant).await;
    let jobs: Vec<_> = jobs.into_iter().map(|lease| lease.job).collect();
    assert_eq!(jobs, [deliveries[0].job(now()).job]);
    assert!(super::queue::none_of(&stores, Lane::Notify, &tenant).await);
}

pub async fn an_event_that_is_published_twice_is_written_once(stores: Stores) {
    let tenant = fresh_tenant();
    let (notice, deliveries) = published(&stores, &tenant).await;
    let delivered = attempted(&deliveries[0], 204, Next::Delivered);
    stores.deliveries.update(&delivered, None).await.unwrap();
    let again = Notice {
        data: json!({ "endpoint_id": "another" }),
        ..notice.clone()
    };
    let more = again.deliveries(&[endpoint(&tenant), endpoint(&tenant)], None, now());

    stores.deliveries.publish(&again, &more).await.unwrap();

    let found = stores.deliveries.get(&tenant, &delivered.id).await.unwrap();
    assert_eq!(found, (delivered, About::Notice(notice)));
    let second = stores.deliveries.get(&tenant, &deliveries[1].id).await;
    assert_eq!(second.unwrap().0, deliveries[1]);
}

pub async fn the_deliveries_of_an_event_without_a_task_are_tried_and_listed(stores: Stores) {
    let tenant = fresh_tenant();
    let (_, deliveries) = published(&stores, &tenant).await;
    let missed_by = |delivery: &Delivery| DeliveryQuery {
        target: Some(delivery.target.clone()),
        states: vec![DeliveryState::Held, DeliveryState::Exhausted],
        oldest_first: true,
        limit: 10,
        ..DeliveryQuery::default()
    };
    let list = async |query: &DeliveryQuery| {
        let page = stores.deliveries.list(&tenant, query).await.unwrap();
        assert_eq!(page.next, None);
        page.deliveries
    };
    let held = list(&missed_by(&deliveries[1])).await;
    assert_eq!(held, std::slice::from_ref(&deliveries[1]));

    let exhausted = attempted(&deliveries[0], 500, Next::Exhausted);
    stores.deliveries.update(&exhausted, None).await.unwrap();
    let released = moved(&deliveries[1], DeliverySignal::Release);
    stores.deliveries.update(&released, None).await.unwrap();
    let late = stores.deliveries.update(&exhausted, None).await;

    assert_eq!(late.unwrap_err().kind, Kind::Conflict);
    let missed = list(&missed_by(&exhausted)).await;
    assert_eq!(missed, std::slice::from_ref(&exhausted));
    assert_eq!(list(&missed_by(&released)).await, []);
    let all = DeliveryQuery {
        states: Vec::new(),
        ..missed_by(&released)
    };
    assert_eq!(list(&all).await, [released]);
}

pub async fn more_places_than_one_write_takes_are_told_of_an_event(stores: Stores) {
    const PLACES: usize = 250;
    let tenant = fresh_tenant();
    let notice = notice(&tenant);
    let endpoints: Vec<Endpoint> = (0..PLACES).map(|_| disabled(&tenant)).collect();
    let deliveries = notice.deliveries(&endpoints, None, now());

    let publish = stores.deliveries.publish(&notice, &deliveries);
    publish.await.unwrap();

    for delivery in [&deliveries[0], &deliveries[PLACES - 1]] {
        let found = stores.deliveries.get(&tenant, &delivery.id).await.unwrap();
        assert_eq!(found.0, *delivery);
        let query = DeliveryQuery {
            target: Some(delivery.target.clone()),
            states: vec![DeliveryState::Held],
            limit: 10,
            ..DeliveryQuery::default()
        };
        let page = stores.deliveries.list(&tenant, &query).await.unwrap();
        assert_eq!(page.deliveries, std::slice::from_ref(delivery));
    }
}

pub async fn another_tenant_s_event_is_not_found(stores: Stores) {
    let tenant = fresh_tenant();
    let (_, deliveries) = published(&stores, &tenant).await;

    let stranger = fresh_tenant();
    let found = stores.deliveries.get(&stranger, &deliveries[0].id);

    assert_eq!(found.await.unwrap_err().kind, Kind::NotFound);
}
