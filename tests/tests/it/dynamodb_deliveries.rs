//! Deliveries on DynamoDB: where they lie, what they cost, what earlier releases wrote, and what is
//! kept no longer.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_aws::dynamodb::{EndedTasksInTable, Table};
use fluxgate_aws::sqs::EndedTasks as _;
use fluxgate_core::id::{EndpointId, TenantId};
use fluxgate_core::port::{DeliveryStore as _, Queue as _};
use fluxgate_core::task::{Delayed, Job, Lane, Task};
use fluxgate_core::time::Timestamp;
use fluxgate_core::webhook::{
    Delivery, DeliveryQuery, DeliverySignal, DeliveryState, Next, Target,
};
use fluxgate_core::{Kind, Reason};
use fluxgate_tests::aws_stores::TABLE;
use fluxgate_tests::contract::delivery_store::{attempted, moved};
use fluxgate_tests::contract::now;
use fluxgate_tests::contract::telling::watch;
use fluxgate_tests::{HeldClock, Roles};

use super::dynamodb::Bed;

const DAY_MS: i64 = 86_400_000;

type Item = HashMap<String, AttributeValue>;

fn endpoint() -> Target {
    Target::Endpoint(EndpointId::parse(&"e".repeat(32)).unwrap())
}

fn partition(tenant: &TenantId, letter: char) -> String {
    format!("T#{tenant}#{letter}#{}", "e".repeat(32))
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

fn missed() -> DeliveryQuery {
    DeliveryQuery {
        target: Some(endpoint()),
        states: vec![DeliveryState::Held, DeliveryState::Exhausted],
        oldest_first: true,
        limit: 1,
        ..DeliveryQuery::default()
    }
}

impl Bed {
    /// A task that ended at this moment with one delivery, of which no job was sent.
    async fn delivering(&self, state: DeliveryState, at: Timestamp) -> (Task, Delivery) {
        let tenant = self.stores.funded(1).await;
        let places = [(endpoint(), state, at)];
        let (task, mut deliveries) = self.stores.ended_with(&tenant, places).await;
        (task, deliveries.remove(0))
    }

    async fn tried(&self, delivery: &Delivery, status: u16, next: Next) -> Delivery {
        let after = attempted(delivery, status, next);
        self.store().update(&after, None).await.unwrap();
        after
    }

    async fn stored(&self, delivery: &Delivery) -> Delivery {
        let found = self.store().get(&delivery.tenant, &delivery.id).await;
        found.unwrap().0
    }

    async fn missed_by(&self, tenant: &TenantId) -> Vec<Delivery> {
        let page = self.store().list(tenant, &missed()).await.unwrap();
        page.deliveries
    }

    async fn is_over(&self, task: &Task) -> bool {
        let table = Table::new(self.ministack.aws().dynamodb(), TABLE);
        let ended = EndedTasksInTable::new(table);
        ended.is_over(&task.tenant, &task.id).await.unwrap()
    }

    async fn items(&self, pk: &str) -> Vec<Item> {
        let query = self.ministack.aws().dynamodb().query().table_name(TABLE);
        let query = query
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk));
        query.send().await.unwrap().items.unwrap_or_default()
    }

    async fn write(&self, item: Item) {
        let put = self.ministack.aws().dynamodb().put_item();
        let put = put.table_name(TABLE).set_item(Some(item));
        put.send().await.unwrap();
    }

    async fn remove(&self, item: &Item) {
        let delete = self.ministack.aws().dynamodb().delete_item();
        let delete = delete
            .table_name(TABLE)
            .key("pk", item["pk"].clone())
            .key("sk", item["sk"].clone());
        delete.send().await.unwrap();
    }

    /// What a task's item lists, as releases wrote it before deliveries lay with their endpoint.
    async fn listed_by_an_earlier_release(&self, task: &Task) {
        let items = self.items(&format!("T#{}", task.tenant)).await;
        let sk = text(format!("TASK#{}", task.id));
        let mut item = items.into_iter().find(|item| item["sk"] == sk).unwrap();
        let AttributeValue::L(entries) = item.get_mut("deliveries").unwrap() else {
            panic!("the deliveries are a list");
        };
        for entry in entries {
            let AttributeValue::L(parts) = entry else {
                panic!("each is a list");
            };
            parts.truncate(5);
        }
        self.write(item).await;
    }

    /// Its item, where those releases wrote it.
    async fn tried_by_an_earlier_release(&self, delivery: &Delivery) {
        let mut item = self
            .items(&partition(&delivery.tenant, 'D'))
            .await
            .remove(0);
        self.remove(&item).await;
        item.insert("pk".to_owned(), text(format!("T#{}", delivery.tenant)));
        item.insert("sk".to_owned(), text(format!("DELIVERY#{}", delivery.id)));
        item.remove("expires_at");
        self.write(item).await;
    }
}

#[tokio::test]
async fn a_delivery_lies_with_its_endpoint_and_what_was_missed_has_an_item_beside_it() {
    let bed = Bed::start().await;
    let (task, pending) = bed.delivering(DeliveryState::Pending, now()).await;
    let (deliveries, beside) = (partition(&task.tenant, 'D'), partition(&task.tenant, 'M'));
    let count = async |pk: &str| bed.items(pk).await.len();
    assert_eq!((count(&deliveries).await, count(&beside).await), (0, 0));

    let exhausted = bed.tried(&pending, 500, Next::Exhausted).await;
    assert_eq!((count(&deliveries).await, count(&beside).await), (1, 1));
    let expires_at = |items: &[Item]| items[0]["expires_at"].as_n().unwrap().parse::<i64>();
    let kept = now().seconds() + 30 * 86_400;
    for pk in [&deliveries, &beside] {
        let expires_at = expires_at(&bed.items(pk).await).unwrap();
        assert!((kept - 60..=kept).contains(&expires_at), "{expires_at}");
    }

    bed.tried(&exhausted, 204, Next::Delivered).await;
    assert_eq!((count(&deliveries).await, count(&beside).await), (1, 0));
}

/// Every task with an endpoint pays for the first of these.
#[tokio::test]
async fn an_attempt_is_one_write_unit_and_only_what_is_missed_costs_more() {
    let bed = Bed::start().await;
    let (_, pending) = bed.delivering(DeliveryState::Pending, now()).await;
    let retried = attempted(&pending, 500, Next::RetryAt(now()));
    let exhausted = attempted(&retried, 500, Next::Exhausted);
    let replayed = moved(&exhausted, DeliverySignal::Replay);
    let delivered = attempted(&replayed, 204, Next::Delivered);

    for (after, units) in [(retried, 1), (exhausted, 4), (replayed, 4), (delivered, 1)] {
        let before = bed.faulty.write_units();
        let update = bed.by_faulty.deliveries.update(&after, None);
        update.await.unwrap();
        assert_eq!(bed.faulty.write_units() - before, units, "{after:?}");
    }
}

#[tokio::test]
async fn what_an_earlier_release_tried_is_read_and_updated_where_it_lies() {
    let bed = Bed::start().await;
    let (task, pending) = bed.delivering(DeliveryState::Pending, now()).await;
    bed.listed_by_an_earlier_release(&task).await;
    assert_eq!(bed.stored(&pending).await, pending);
    assert!(!bed.is_over(&task).await);

    let retried = bed.tried(&pending, 500, Next::RetryAt(now())).await;
    bed.tried_by_an_earlier_release(&retried).await;
    assert_eq!(bed.stored(&retried).await, retried);
    assert_eq!(
        bed.store().of_task(&task).await.unwrap(),
        std::slice::from_ref(&retried)
    );
    assert!(!bed.is_over(&task).await);

    let exhausted = bed.tried(&retried, 500, Next::Exhausted).await;
    assert!(bed.is_over(&task).await);
    let late = attempted(&retried, 500, Next::RetryAt(now()));
    let late = bed.store().update(&late, None).await.unwrap_err();
    assert!(late.is(Reason::VersionMoved), "{late:?}");
    assert_eq!(bed.stored(&retried).await, exhausted);
    let missed = bed.missed_by(&task.tenant).await;
    assert_eq!(missed, std::slice::from_ref(&exhausted));

    let replayed = moved(&exhausted, DeliverySignal::Replay);
    bed.store().update(&replayed, None).await.unwrap();
    assert_eq!(bed.stored(&retried).await, replayed);
    assert_eq!(bed.missed_by(&task.tenant).await, []);
    assert!(bed.items(&partition(&task.tenant, 'D')).await.is_empty());
}

/// As when its queue was purged by hand.
#[tokio::test]
async fn a_retry_whose_job_is_gone_is_sent_again_by_the_watch() {
    let bed = Bed::start().await;
    let (task, pending) = bed.delivering(DeliveryState::Pending, now()).await;
    let retried = bed.tried(&pending, 500, Next::RetryAt(now())).await;
    let clock = HeldClock::now();
    let mut roles = Roles::over(&bed.stores);
    roles.context.clock = Arc::new(clock.clone());
    let sent = async |lane| {
        let received = bed.direct.queue.receive(lane, 10, 60_000).await.unwrap();
        for lease in &received {
            bed.direct.queue.ack(lease).await.unwrap();
        }
        received.into_iter().map(|lease| lease.job)
    };
    let look = async || {
        let watch = Delayed {
            job: watch(&task).job,
            after_ms: 0,
        };
        bed.direct.queue.send(&[watch]).await.unwrap();
        let received = bed.direct.queue.receive(Lane::Watch, 1, 60_000).await;
        roles.work(&received.unwrap()[0]).await.unwrap();
    };

    look().await;
    let early: Vec<Job> = sent(Lane::Notify).await.collect();
    clock.pass_ms(6 * 60_000);
    look().await;
    let late: Vec<Job> = sent(Lane::Notify).await.collect();
    bed.tried(&retried, 204, Next::Delivered).await;
    look().await;

    assert_eq!(early, []);
    assert_eq!(late, [retried.job(now()).job]);
    assert_eq!(sent(Lane::Notify).await.count(), 0);
}

#[tokio::test]
async fn what_an_earlier_release_never_tried_goes_to_its_endpoint() {
    let bed = Bed::start().await;
    let (task, pending) = bed.delivering(DeliveryState::Pending, now()).await;
    bed.listed_by_an_earlier_release(&task).await;

    let retried = bed.tried(&pending, 500, Next::RetryAt(now())).await;
    let delivered = bed.tried(&retried, 204, Next::Delivered).await;

    assert_eq!(bed.stored(&pending).await, delivered);
    assert_eq!(bed.items(&partition(&task.tenant, 'D')).await.len(), 1);
    assert!(bed.is_over(&task).await);
}

/// Its item may have expired, and what its task lists would then be taken for a delivery that
/// nobody has tried.
#[tokio::test]
async fn what_is_kept_no_longer_is_not_found_and_not_tried() {
    let bed = Bed::start().await;
    for state in [DeliveryState::Pending, DeliveryState::Held] {
        let month_ago = Timestamp(now().0 - 31 * DAY_MS);
        let (task, delivery) = bed.delivering(state, month_ago).await;

        let found = bed.store().get(&delivery.tenant, &delivery.id).await;

        assert_eq!(found.unwrap_err().kind, Kind::NotFound);
        assert_eq!(bed.store().of_task(&task).await.unwrap(), []);
        assert_eq!(bed.missed_by(&task.tenant).await, []);
        assert!(bed.is_over(&task).await);
    }
}

#[tokio::test]
async fn a_delivery_that_was_tried_lately_is_kept_however_old_its_event() {
    let bed = Bed::start().await;
    let (task, pending) = {
        let month_ago = Timestamp(now().0 - 31 * DAY_MS);
        bed.delivering(DeliveryState::Pending, month_ago).await
    };

    let exhausted = bed.tried(&pending, 500, Next::Exhausted).await;

    assert_eq!(bed.stored(&pending).await, exhausted);
    assert_eq!(bed.missed_by(&task.tenant).await, [exhausted]);
}

/// A crash may leave such an item before the transaction that it was for.
#[tokio::test]
async fn an_item_beside_no_delivery_is_passed_by() {
    let bed = Bed::start().await;
    let (task, held) = bed.delivering(DeliveryState::Held, now()).await;
    for n in 0..3 {
        let sk = format!("{:015}#{n:032x}-00", held.created_at.0 - 1_000 + n);
        bed.put_raw([("pk", text(partition(&task.tenant, 'M'))), ("sk", text(sk))])
            .await;
    }

    assert_eq!(bed.missed_by(&task.tenant).await, [held]);
}
