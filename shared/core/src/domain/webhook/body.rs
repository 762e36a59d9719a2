//! What the bodies of callbacks say. Each attempt of a delivery says the same.

use serde_json::{Value, json};

use super::{Delivery, EventType, Notice};
use crate::base::time::Timestamp;
use crate::domain::provider::Prediction;
use crate::domain::task::Task;

/// The Standard Webhooks body of an event of a task: `{type,timestamp,data}`, `data` being the
/// prediction with the objects and the charge. A start says what was known then.
pub fn task_body(delivery: &Delivery, task: &Task, prediction: &Prediction) -> Vec<u8> {
    let data = match delivery.event {
        EventType::TaskStarted => json!({
            "id": prediction.id,
            "model": prediction.model,
            "status": "processing",
            "created_at": prediction.created_at,
            "urls": prediction.urls,
        }),
        _ => json!(prediction),
    };
    body(delivery.event, happened_at(delivery, task), &data)
}

/// The same for a receiver that wants no more than an id and the link that reads the rest.
pub fn thin_task_body(delivery: &Delivery, task: &Task, link: &str) -> Vec<u8> {
    let data = json!({ "id": task.id, "urls": { "get": link } });
    body(delivery.event, happened_at(delivery, task), &data)
}

/// The Standard Webhooks body of an event without a task.
pub fn notice_body(notice: &Notice) -> Vec<u8> {
    body(notice.event, notice.at, &notice.data)
}

/// The drop-in body: the provider's bare prediction.
pub fn bare_body(prediction: &Prediction) -> Vec<u8> {
    serde_json::to_vec(prediction).expect("a prediction has only string keys and finite numbers")
}

/// A task that is over entered its state with its end, whenever the delivery was made.
fn happened_at(delivery: &Delivery, task: &Task) -> Timestamp {
    if delivery.event.is_end() {
        task.since
    } else {
        delivery.created_at
    }
}

fn body(event: EventType, at: Timestamp, data: &Value) -> Vec<u8> {
    let body = json!({ "type": event.as_str(), "timestamp": at.rfc3339(), "data": data });
    body.to_string().into_bytes()
}
