//! `DeliveryStore` and `EndpointStore`: endpoints that are read.

use fluxgate_core::id::{DeliveryId, EventId, TenantId};
use fluxgate_core::port::{Ids as _, SystemEntropy};
use fluxgate_core::task::{Lane, Task, transition};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{
    Delivery, DeliveryCursor, DeliveryQuery, DeliverySignal, DeliveryState, Endpoint, EndpointKind,
    EventType, Notice, PULL_ENDPOINTS_MAX, Pull,
};
use fluxgate_core::{Kind, Reason, Result};
use serde_json::json;

use super::delivery_store::moved;
use super::endpoint_store::{ENDPOINTS_MAX, endpoint};
use super::{Stores, archived, fresh_tenant, now};

pub(super) const HOUR_MS: u64 = 3_600_000;

/// That has read up to this time.
fn pull_endpoint(tenant: &TenantId, read_to: Timestamp) -> Endpoint {
    let pull = Pull {
        read_to,
        ..Pull::new(now().plus_ms(HOUR_MS))
    };
    Endpoint {
        kind: EndpointKind::Pull { pull },
        ..endpoint(tenant)
    }
}

impl Stores {
    pub(super) async fn pull_endpoint(
        &self,
        tenant: &TenantId,
        read_to: Timestamp,
    ) -> Result<Endpoint> {
        let endpoint = pull_endpoint(tenant, read_to);
        self.endpoints.create(&endpoint, ENDPOINTS_MAX).await?;
        Ok(endpoint)
    }

    /// Ends a task at that time, and tells the endpoint.
    pub(super) async fn told_at(&self, endpoint: &Endpoint, at: Timestamp) -> Result<Delivery> {
        let task = self.archiving(&endpoint.tenant).await;
        let delivery = told_of(endpoint, &task, at);
        let mut change = transition(&task, archived(), now()).expect("the signal applies");
        change.deliver(delivery.clone());
        self.tasks.apply(&change).await?;
        Ok(delivery)
    }

    pub(super) async fn inbox(&self, endpoint: &Endpoint) -> Vec<Delivery> {
        let query = DeliveryQuery {
            target: Some(endpoint.target()),
            oldest_first: true,
            consistent: true,
            limit: 100,
            ..DeliveryQuery::default()
        };
        let page = self.deliveries.list(&endpoint.tenant, &query).await;
        page.expect("the store answers").deliveries
    }
}

fn told_of(endpoint: &Endpoint, task: &Task, at: Timestamp) -> Delivery {
    let id = DeliveryId::of(&task.id, 0);
    endpoint.addressed(task.delivery(id, EventType::TaskCompleted, endpoint.target(), at))
}

pub async fn an_event_for_a_pull_endpoint_is_in_its_inbox_at_once_and_has_no_job(stores: Stores) {
    let tenant = stores.funded(1).await;
    let endpoint = stores.pull_endpoint(&tenant, Timestamp(0)).await.unwrap();

    let delivery = stores.told_at(&endpoint, now()).await.unwrap();

    assert!(delivery.pull);
    assert_eq!(
        stores.inbox(&endpoint).await,
        std::slice::from_ref(&delivery)
    );
    let (found, about) = stores.deliveries.get(&tenant, &delivery.id).await.unwrap();
    assert_eq!(found, delivery);
    let fluxgate_core::port::About::Task(task) = about else {
        panic!("the event is about a task");
    };
    assert_eq!(stores.deliveries.of_task(&task).await.unwrap(), [delivery]);
    assert!(super::queue::none_of(&stores, Lane::Notify, &tenant).await);
}

pub async fn a_pull_endpoint_s_delivery_is_acknowledged_over_the_version_that_was_read(
    stores: Stores,
) {
    let tenant = stores.funded(1).await;
    let endpoint = stores.pull_endpoint(&tenant, Timestamp(0)).await.unwrap();
    let delivery = stores.told_at(&endpoint, now()).await.unwrap();
    let acknowledged = moved(&delivery, DeliverySignal::Acknowledge);
    assert_eq!(acknowledged.state, DeliveryState::Delivered);

    stores.deliveries.update(&acknowledged, None).await.unwrap();
    let again = stores.deliveries.update(&acknowledged, None).await;

    assert!(again.unwrap_err().is(Reason::VersionMoved));
    assert_eq!(stores.inbox(&endpoint).await, [acknowledged]);
}

/// Two ends may be written in another order than their times. Whoever has read past the later one
/// would never see the earlier.
pub async fn an_event_that_an_inbox_was_read_past_is_refused_with_its_change(stores: Stores) {
    let tenant = stores.funded(2).await;
    let read_to = now();
    let endpoint = stores.pull_endpoint(&tenant, read_to).await.unwrap();
    let task = stores.archiving(&tenant).await;
    let mut change = transition(&task, archived(), now()).unwrap();
    change.deliver(told_of(&endpoint, &task, read_to));

    let refused = stores.tasks.apply(&change).await.unwrap_err();

    assert_eq!(
        (refused.kind, refused.is(Reason::EventLate)),
        (Kind::Conflict, true)
    );
    assert_eq!(stores.inbox(&endpoint).await, []);
    assert_eq!(stores.tasks.get(&tenant, &task.id).await.unwrap(), task);
    change.deliveries = vec![told_of(&endpoint, &task, read_to.plus_ms(1))];
    stores.tasks.apply(&change).await.unwrap();
    assert_eq!(stores.inbox(&endpoint).await, change.deliveries);

    stores
        .endpoints
        .delete(&tenant, &endpoint.id)
        .await
        .unwrap();
    let gone = stores
        .told_at(&endpoint, read_to.plus_ms(2))
        .await
        .unwrap_err();
    assert!(gone.is(Reason::EventLate), "{gone:?}");
    let listed = stores.endpoints.list(&tenant).await.unwrap();
    assert!(listed.is_empty(), "{listed:?}");
}

pub async fn an_event_without_a_task_that_an_inbox_was_read_past_is_refused(stores: Stores) {
    let tenant = fresh_tenant();
    let read_to = now();
    let endpoint = stores.pull_endpoint(&tenant, read_to).await.unwrap();
    let id = EventId::parse(&format!("evt_{}", SystemEntropy.id32(now()))).unwrap();
    let notice = Notice {
        tenant: tenant.clone(),
        id,
        event: EventType::DeliveryExhausted,
        at: Timestamp(read_to.0 - 60_000),
        data: json!({ "attempts": 8 }),
    };
    let endpoints = std::slice::from_ref(&endpoint);
    let publish = async |at: Timestamp| {
        let deliveries = notice.deliveries(endpoints, None, at);
        stores.deliveries.publish(&notice, &deliveries).await
    };

    let refused = publish(read_to).await.unwrap_err();

    assert!(refused.is(Reason::EventLate), "{refused:?}");
    let later = read_to.plus_ms(1);
    publish(later).await.unwrap();
    publish(read_to).await.unwrap();
    assert_eq!(
        stores.inbox(&endpoint).await,
        notice.deliveries(endpoints, None, later)
    );
    assert!(super::queue::none_of(&stores, Lane::Notify, &tenant).await);
}

pub async fn of_many_pull_endpoints_at_once_exactly_as_many_are_created_as_a_tenant_may_have(
    stores: Stores,
) {
    let tenant = fresh_tenant();
    let first = stores.pull_endpoint(&tenant, Timestamp(0)).await.unwrap();
    let creations = (0..40).map(|_| {
        let (stores, tenant) = (stores.clone(), tenant.clone());
        tokio::spawn(async move { stores.pull_endpoint(&tenant, Timestamp(0)).await })
    });
    let mut created = 1;
    for creation in creations.collect::<Vec<_>>() {
        match creation.await.unwrap() {
            Ok(_) => created += 1,
            Err(error) => assert_eq!(error.code, "too_many_pull_endpoints"),
        }
    }

    assert_eq!(created, PULL_ENDPOINTS_MAX);
    stores.endpoint(&tenant).await.unwrap();
    stores.endpoints.delete(&tenant, &first.id).await.unwrap();
    stores.pull_endpoint(&tenant, Timestamp(0)).await.unwrap();
}

pub async fn how_far_an_inbox_was_read_is_read_back(stores: Stores) {
    let tenant = stores.funded(1).await;
    let endpoint = stores.pull_endpoint(&tenant, Timestamp(0)).await.unwrap();
    let delivery = stores.told_at(&endpoint, now()).await.unwrap();
    let pull = Pull {
        expires_at: now().plus_ms(2 * HOUR_MS),
        read_to: delivery.created_at,
        acknowledged: Some(DeliveryCursor {
            at: delivery.created_at,
            id: delivery.id,
        }),
    };
    let read = Endpoint {
        version: endpoint.version + 1,
        kind: EndpointKind::Pull { pull },
        ..endpoint
    };

    stores.endpoints.update(&read).await.unwrap();

    assert_eq!(stores.endpoints.get(&tenant, &read.id).await.unwrap(), read);
    let listed = stores.endpoints.list(&tenant).await.unwrap();
    assert_eq!(listed.endpoints, [read]);
}
