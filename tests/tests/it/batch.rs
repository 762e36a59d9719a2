//! A consumer's batch when the handling of one message panics.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use fluxgate_aws::sqs::{Removal, SqsQueue, SqsSettings};
use fluxgate_core::id::{DeliveryId, TenantId};
use fluxgate_core::port::SystemEntropy;
use fluxgate_core::port::{
    CallbackAnswer, CallbackRequest, CallbackSender, SendOutcome, SystemClock,
};
use fluxgate_core::task::{Lane, transition};
use fluxgate_core::webhook::{
    CallbackUrl, Delivery, DeliveryState, Endpoint, EndpointKind, EventType, Target,
};
use fluxgate_lambda::batch::Consumer;
use fluxgate_tests::contract::endpoint_store::endpoint;
use fluxgate_tests::contract::{Stores, archived, now};
use fluxgate_tests::{AwsStores, Ministack, Roles};
use tokio::time::Instant;

/// A sender that panics for one of the tenants.
struct Saboteur;

#[async_trait]
impl CallbackSender for Saboteur {
    async fn send(&self, outgoing: CallbackRequest) -> SendOutcome {
        assert!(!outgoing.url.url().path().ends_with("/panic"), "the defect");
        SendOutcome::Answered(CallbackAnswer {
            status: 204,
            ..CallbackAnswer::default()
        })
    }
}

/// The roles over these stores, with a queue as a function's.
pub(super) fn roles(
    stores: &Stores,
    ministack: &Ministack,
    settings: SqsSettings,
) -> (Roles, Arc<SqsQueue>) {
    let settings = SqsSettings {
        removal: Removal::ByRuntime,
        ..settings
    };
    let queue = SqsQueue::new(
        ministack.aws().sqs(),
        settings,
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
    );
    let queue = Arc::new(queue);
    (
        Roles {
            queue: queue.clone(),
            callbacks: Arc::new(Saboteur),
            ..Roles::over(stores)
        },
        queue,
    )
}

/// A completed task with a delivery to this path, and the job that carries it.
async fn delivery(stores: &Stores, path: &str) -> Delivery {
    let tenant: TenantId = stores.funded(1).await;
    let endpoint = Endpoint {
        kind: EndpointKind::Push {
            url: CallbackUrl::parse(&format!("https://receiver.example/{path}")).unwrap(),
        },
        ..endpoint(&tenant)
    };
    stores.endpoints.create(&endpoint, 16).await.unwrap();
    let task = stores.archiving(&tenant).await;
    let mut change = transition(&task, archived(), now()).unwrap();
    let target = Target::Endpoint(endpoint.id);
    let delivery = task.delivery(
        DeliveryId::of(&task.id, 0),
        EventType::TaskCompleted,
        target,
        now(),
    );
    change.deliver(delivery.clone());
    stores.tasks.apply(&change).await.unwrap();
    delivery
}

fn message(delivery: &Delivery) -> SqsMessage {
    let mut message = SqsMessage::default();
    message.message_id = Some(delivery.id.to_string());
    message.body = Some(serde_json::json!({ "v": 1, "job": delivery.job(now()).job }).to_string());
    message
}

#[tokio::test]
async fn a_message_that_panics_fails_alone() {
    let ministack = Ministack::start().await;
    let aws = AwsStores::on(&ministack).await;
    let stores = aws.stores();
    let (roles, queue) = roles(&stores, &ministack, aws.queues.clone());
    let consumer = Consumer {
        worker: Arc::new(roles.notifier()),
        queue,
        lane: Lane::Notify,
    };
    let (good, bad, also_good) = (
        delivery(&stores, "a").await,
        delivery(&stores, "panic").await,
        delivery(&stores, "b").await,
    );
    let mut event = SqsEvent::default();
    event.records = [&good, &bad, &also_good].map(message).to_vec();

    let response = consumer
        .work(event, Instant::now() + Duration::from_secs(30), None)
        .await;

    assert!(
        response.batch_item_failures.is_empty(),
        "the failed job was sent again, so its message is done"
    );
    let state = async |delivery: &Delivery| {
        let (read, _) = stores
            .deliveries
            .get(&delivery.tenant, &delivery.id)
            .await
            .unwrap();
        (read.state, read.attempts.len())
    };
    assert_eq!(state(&good).await, (DeliveryState::Delivered, 1));
    assert_eq!(state(&also_good).await, (DeliveryState::Delivered, 1));
    assert_eq!(state(&bad).await, (DeliveryState::Pending, 0));
}
