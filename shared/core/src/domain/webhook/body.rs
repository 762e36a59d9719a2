//! The bodies of callbacks.

use serde_json::json;

use super::EventType;
use crate::domain::provider::Prediction;
use crate::domain::task::Task;

/// The Standard Webhooks body: `{type,timestamp,data}`, where `data` is the prediction with the
/// objects and the charge.
pub fn standard_body(event: EventType, task: &Task, prediction: &Prediction) -> Vec<u8> {
    let body =
        json!({ "type": event.as_str(), "timestamp": task.since.rfc3339(), "data": prediction });
    body.to_string().into_bytes()
}

/// The drop-in body: the provider's bare prediction.
pub fn bare_body(prediction: &Prediction) -> Vec<u8> {
    serde_json::to_vec(prediction).expect("a prediction has only string keys and finite numbers")
}
