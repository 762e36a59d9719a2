//! Announces a run's end: one signed POST, retried if it is not accepted.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Run, prediction};
use crate::provider::Provider;
use crate::signature::sign;

pub(super) async fn tell(provider: &Provider, run: &Run) {
    let Some(url) = &run.webhook else { return };
    if provider.faults.strike(|faults| &mut faults.webhook_lost) {
        return;
    }
    let late = provider.faults.value(|faults| faults.webhook_late_ms);
    tokio::time::sleep(Duration::from_millis(late)).await;
    let message = Message {
        id: format!("evt_{}", Uuid::now_v7().simple()),
        body: prediction(provider, run).to_string().into(),
        bad_signature: provider
            .faults
            .strike(|faults| &mut faults.webhook_bad_signature),
    };
    let times = if provider.faults.strike(|faults| &mut faults.webhook_twice) {
        2
    } else {
        1
    };
    for _ in 0..times {
        deliver(provider, url, &message).await;
    }
}

struct Message {
    id: String,
    body: Bytes,
    bad_signature: bool,
}

async fn deliver(provider: &Provider, url: &str, message: &Message) {
    let mut waits = provider.config.webhook_retry.iter();
    while !attempt(provider, url, message).await {
        let Some(wait) = waits.next() else {
            tracing::warn!(
                webhook.id = message.id,
                "the webhook was not accepted; no more attempts"
            );
            return;
        };
        tokio::time::sleep(*wait).await;
    }
}

async fn attempt(provider: &Provider, url: &str, message: &Message) -> bool {
    let _permit = provider
        .posts
        .acquire()
        .await
        .expect("the semaphore is never closed");
    let timestamp = Timestamp::now().as_second();
    let mut signature = sign(
        &provider.config.webhook_secret,
        &message.id,
        timestamp,
        &message.body,
    );
    if message.bad_signature {
        signature = format!("v3,{}", "0".repeat(64));
    }
    let request = provider
        .webhooks
        .post(url)
        .header("content-type", "application/json")
        .header("webhook-id", &message.id);
    let request = request
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature);
    match request.body(message.body.clone()).send().await {
        Ok(answer) if answer.status().is_success() => {
            provider.count("webhook_answered");
            true
        }
        Ok(_) => false,
        Err(_) => false,
    }
}
