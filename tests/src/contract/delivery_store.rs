//! `DeliveryStore`.

use fluxgate_core::Kind;
use fluxgate_core::id::DeliveryId;
use fluxgate_core::task::{Task, transition};
use fluxgate_core::webhook::{Attempt, Delivery, DeliveryState, EventType, Target};

use super::{Stores, archived, fresh_tenant, now};

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

pub async fn a_delivery_is_updated_over_the_version_it_was_made_from(stores: Stores) {
    let delivery = delivery(&stores).await;
    let attempt = Attempt {
        at: now(),
        duration_ms: 3,
        status: Some(204),
        error: None,
    };
    let delivered = delivery.attempted(attempt, DeliveryState::Delivered);

    stores.deliveries.update(&delivered).await.unwrap();
    let again = stores.deliveries.update(&delivered).await.unwrap_err();

    assert_eq!(again.kind, Kind::Conflict);
    let task = stores
        .tasks
        .get(&delivery.tenant, &delivery.task)
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
        (delivered, task)
    );
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
        .get(&delivery.tenant, &delivery.task)
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
