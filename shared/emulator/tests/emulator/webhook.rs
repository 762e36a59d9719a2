//! What a run tells at its end.

use std::time::Duration;

use fluxgate_emulator::{Fault, Faults};
use serde_json::{Value, json};

use crate::client::{Client, MAX, inputs};
use crate::receiver::Receiver;

/// Long enough for a second webhook that should not come: the first one takes a fraction of it.
const QUIET: Duration = Duration::from_millis(500);

async fn run_with_webhook(client: &Client, receiver: &Receiver) -> Value {
    client
        .run(&format!("{MAX}?webhook={}", receiver.url), &inputs())
        .await
}

#[tokio::test]
async fn the_webhook_is_the_signed_bare_prediction() {
    let client = Client::new().await;
    let mut receiver = Receiver::answering(&[]).await;

    let ended = run_with_webhook(&client, &receiver).await;
    let arrival = receiver.next().await;

    assert_eq!(
        serde_json::from_slice::<Value>(&arrival.body).unwrap(),
        ended
    );
    assert!(arrival.header("webhook-id").starts_with("evt_"));
    assert!(arrival.is_signed_with(client.emulator.webhook_secret()));
    let secret = client.get("/api/v3/webhook/secret").await;
    assert_eq!(secret, json!({"secret": client.emulator.webhook_secret()}));
}

#[tokio::test]
async fn the_webhook_may_be_asked_for_in_the_body() {
    let client = Client::new().await;
    let mut receiver = Receiver::answering(&[]).await;
    let mut inputs = inputs();
    inputs["webhook_url"] = json!(receiver.url);

    client.run(MAX, &inputs).await;

    receiver.next().await;
}

#[tokio::test]
async fn a_webhook_that_is_not_taken_comes_again_under_the_same_id() {
    let client = Client::new().await;
    let mut receiver = Receiver::answering(&[500, 302]).await;

    run_with_webhook(&client, &receiver).await;
    let arrivals = [
        receiver.next().await,
        receiver.next().await,
        receiver.next().await,
    ];

    let ids = arrivals
        .each_ref()
        .map(|arrival| arrival.header("webhook-id"));
    assert!(ids.iter().all(|id| *id == ids[0]));
    assert!(receiver.within(QUIET).await.is_none());
}

#[tokio::test]
async fn a_failed_run_is_told_too() {
    let client = Client::with(Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    })
    .await;
    let mut receiver = Receiver::answering(&[]).await;

    run_with_webhook(&client, &receiver).await;

    let told: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
    assert_eq!(told["status"], "failed");
}

#[tokio::test]
async fn a_lost_webhook_never_comes() {
    let client = Client::with(Faults {
        webhook_lost: Fault::Times(1),
        ..Faults::default()
    })
    .await;
    let mut receiver = Receiver::answering(&[]).await;

    let lost = run_with_webhook(&client, &receiver).await;
    let told = run_with_webhook(&client, &receiver).await;

    let arrival: Value = serde_json::from_slice(&receiver.next().await.body).unwrap();
    assert_ne!(lost["id"], told["id"]);
    assert_eq!(arrival["id"], told["id"]);
    assert!(receiver.within(QUIET).await.is_none());
}

#[tokio::test]
async fn a_webhook_sent_twice_has_one_id() {
    let client = Client::with(Faults {
        webhook_twice: Fault::Always,
        ..Faults::default()
    })
    .await;
    let mut receiver = Receiver::answering(&[]).await;

    run_with_webhook(&client, &receiver).await;
    let (first, second) = (receiver.next().await, receiver.next().await);

    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
}

#[tokio::test]
async fn a_late_webhook_comes_after_the_end_of_the_run() {
    let client = Client::with(Faults {
        webhook_late_ms: 400,
        ..Faults::default()
    })
    .await;
    let mut receiver = Receiver::answering(&[]).await;

    run_with_webhook(&client, &receiver).await;

    assert!(receiver.within(Duration::from_millis(200)).await.is_none());
    receiver.next().await;
}

#[tokio::test]
async fn a_bad_signature_does_not_verify() {
    let client = Client::with(Faults {
        webhook_bad_signature: Fault::Always,
        ..Faults::default()
    })
    .await;
    let mut receiver = Receiver::answering(&[]).await;

    run_with_webhook(&client, &receiver).await;

    assert!(
        !receiver
            .next()
            .await
            .is_signed_with(client.emulator.webhook_secret())
    );
}
