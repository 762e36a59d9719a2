//! Tells the submitter's webhook how a run ended: signed, tried a few times, redirects not followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::CONTENT_TYPE;

use super::{Prediction, Run};
use crate::signature::sign;
use crate::vendor::Vendor;

struct Message<'a> {
    url: &'a str,
    id: String,
    secret: String,
    body: Bytes,
}

pub(super) async fn tell(vendor: &Arc<Vendor>, run: &Run) {
    let Some(url) = &run.webhook else { return };
    if vendor.faults.strike(|faults| &mut faults.webhook_lost) {
        return;
    }
    let late_ms = vendor.faults.value(|faults| faults.webhook_late_ms);
    tokio::time::sleep(Duration::from_millis(late_ms)).await;
    let prediction = Prediction::of(run, &vendor.base_url);
    let body = serde_json::to_vec(&prediction).expect("a prediction has only text keys");
    let message = Message { url, id: message_id(&run.id), secret: secret(vendor), body: body.into() };
    send(vendor, &message).await;
    if vendor.faults.strike(|faults| &mut faults.webhook_twice) {
        send(vendor, &message).await;
    }
}

/// Not the prediction's own id, as upstream's is not always.
fn message_id(run: &str) -> String {
    format!("evt_{run}")
}

fn secret(vendor: &Vendor) -> String {
    if vendor.faults.strike(|faults| &mut faults.webhook_bad_signature) {
        return "whsec_not-the-secret".to_owned();
    }
    vendor.config.webhook_secret.clone()
}

async fn send(vendor: &Vendor, message: &Message<'_>) {
    let mut waits = vendor.config.webhook_retry.iter();
    while let Err(why) = attempt(vendor, message).await {
        let Some(wait) = waits.next() else {
            tracing::warn!(webhook.id = message.id, why, "the emulator gives up on a webhook");
            return;
        };
        tokio::time::sleep(*wait).await;
    }
}

async fn attempt(vendor: &Vendor, message: &Message<'_>) -> Result<(), String> {
    let _permit = vendor.sending.acquire().await.expect("the semaphore is never closed");
    vendor.counters.webhook_attempt.add();
    let timestamp = Timestamp::now().as_second();
    let signature = sign(&message.secret, &message.id, timestamp, &message.body);
    let request = vendor
        .webhooks
        .post(message.url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", &message.id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(message.body.clone());
    let response = request.send().await.map_err(|error| error.without_url().to_string())?;
    if !response.status().is_success() {
        return Err(format!("the receiver answered {}", response.status().as_u16()));
    }
    vendor.counters.webhook_answered.add();
    Ok(())
}
