//! A tenant whose bucket is gone for a while.

use fluxgate_core::webhook::EventType;
use fluxgate_tests::{LiveReceiver, Stack};

use crate::event_catalogue::{events, told};

#[tokio::test]
async fn a_tenant_is_told_that_its_bucket_is_gone_and_that_it_is_back_and_no_job_is_given_up() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("tenant")).await;
    let bucket = format!("{}/fluxgate-test-acme", stack.ministack.endpoint());
    let gone = reqwest::Client::new().delete(bucket).send().await.unwrap();
    assert!(gone.status().is_success());

    let task = tenant.submit(&tenant.inputs().await).await;
    let failing = told(&receiver, EventType::DestinationFailing).await;
    stack.create_bucket("fluxgate-test-acme").await;
    let ended = tenant.ended(&task).await;
    let recovered = told(&receiver, EventType::DestinationRecovered).await;

    assert_eq!(
        (&failing["code"], &failing["bucket"]),
        (&"bucket_missing".into(), &"fluxgate-test-acme".into())
    );
    assert_eq!(
        (&ended["status"], &ended["archived"]),
        (&"completed".into(), &true.into())
    );
    assert_eq!(recovered["since"], failing["since"]);
    for event in [
        EventType::DestinationFailing,
        EventType::DestinationRecovered,
    ] {
        assert_eq!(events(&receiver, event).len(), 1);
    }
    assert_eq!(stack.messages("archive-dead-letters").await, 0);
    assert_eq!(tenant.balance_usd().await, 0.92);
    super::calls_are_allowed(&stack);
}
