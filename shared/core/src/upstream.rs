//! What the vendor answers, read leniently.

use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;
use crate::id::{ModelId, UpstreamId};
use crate::task::{Failure, Finished, Signal, UpstreamEnd, Via};
use crate::time::Timestamp;

/// A run as upstream tells it, in an answer or a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamRun {
    pub id: UpstreamId,
    pub model: Option<ModelId>,
    pub status: RunStatus,
    pub outputs: Vec<String>,
    pub nsfw: Vec<bool>,
    pub inference_ms: Option<u64>,
    pub created_at: Option<Timestamp>,
    pub error: String,
    pub code: Option<u32>,
    /// Present in lists asked for with `include_inputs`.
    pub inputs: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    Running,
    Completed,
    Ended(UpstreamEnd),
}

/// The vendor's words; anything may be absent or null.
#[derive(Deserialize)]
struct Wire {
    id: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    outputs: Option<Vec<Value>>,
    #[serde(default)]
    has_nsfw_contents: Option<Vec<bool>>,
    #[serde(default)]
    timings: Option<Value>,
    #[serde(default, alias = "executionTime")]
    execution_time: Option<f64>,
    #[serde(default)]
    created_at: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    code: Option<u32>,
    #[serde(default, alias = "inputs")]
    input: Option<Value>,
}

impl UpstreamRun {
    /// Reads a bare prediction object. Fails with kind `Unavailable`: what cannot be read is asked for again.
    pub fn from_json(value: Value) -> Result<Self, Error> {
        let wire: Wire = serde_json::from_value(value).map_err(|error| unreadable().source(error))?;
        let id = UpstreamId::parse(&wire.id).map_err(|error| unreadable().source(error))?;
        Ok(Self {
            id,
            model: wire.model.as_deref().and_then(|model| ModelId::parse(model).ok()),
            status: status(wire.status.as_deref().unwrap_or_default()),
            outputs: wire.outputs.unwrap_or_default().iter().filter_map(output_url).collect(),
            nsfw: wire.has_nsfw_contents.unwrap_or_default(),
            inference_ms: inference_ms(wire.timings.as_ref(), wire.execution_time),
            created_at: wire.created_at.as_deref().and_then(Timestamp::from_rfc3339),
            error: wire.error.unwrap_or_default(),
            code: wire.code,
            inputs: wire.input,
        })
    }

    /// Reads the body of a webhook or of an answer's `data`.
    pub fn from_slice(body: &[u8]) -> Result<Self, Error> {
        let value = serde_json::from_slice(body).map_err(|error| unreadable().source(error))?;
        Self::from_json(value)
    }

    /// What this news means for its task.
    pub fn signal(self, via: Via) -> Signal {
        match self.status {
            RunStatus::Running => Signal::Accepted { upstream: self.id, via },
            RunStatus::Completed if self.outputs.is_empty() => Signal::UpstreamFailed {
                failure: Failure::new(
                    5000,
                    "no_outputs",
                    "the model reported success without any output; submit again",
                ),
                upstream: self.id,
                via,
                end: UpstreamEnd::Failed,
            },
            RunStatus::Completed => Signal::Finished(Finished {
                upstream: self.id,
                via,
                sources: self.outputs,
                nsfw: self.nsfw,
                inference_ms: self.inference_ms,
            }),
            RunStatus::Ended(end) => {
                Signal::UpstreamFailed { failure: failure(self.code, &self.error), upstream: self.id, via, end }
            }
        }
    }
}

fn status(word: &str) -> RunStatus {
    match word {
        "completed" | "succeeded" => RunStatus::Completed,
        "failed" | "deleted" => RunStatus::Ended(UpstreamEnd::Failed),
        "cancelled" | "canceled" => RunStatus::Ended(UpstreamEnd::Cancelled),
        "timeout" => RunStatus::Ended(UpstreamEnd::Timeout),
        _ => RunStatus::Running,
    }
}

/// The vendor's failure, its text bounded and kept to one line.
pub fn failure(code: Option<u32>, error: &str) -> Failure {
    let code = code.unwrap_or(1403);
    let reason = match code {
        1200 => "moderation",
        1400 => "missing_parameter",
        1401 => "invalid_parameter",
        1402 => "media_not_fetched",
        5003 => "model_unavailable",
        5004 => "model_timeout",
        _ => "model_failed",
    };
    let text: String = error.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    let message = if text.trim().is_empty() { "the model failed without giving a reason".to_owned() } else { text };
    Failure::new(code, reason, message)
}

fn output_url(value: &Value) -> Option<String> {
    value.as_str().or_else(|| value.get("url")?.as_str()).map(str::to_owned)
}

fn inference_ms(timings: Option<&Value>, execution_time: Option<f64>) -> Option<u64> {
    let number = timings.and_then(|timings| timings.get("inference")?.as_f64()).or(execution_time)?;
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}

fn unreadable() -> Error {
    Error::unavailable("upstream_unreadable", "the upstream's prediction could not be read")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_prediction_with_nulls_and_gaps_is_read() {
        let run = UpstreamRun::from_json(json!({
            "id": "0f3c", "outputs": null, "has_nsfw_contents": null, "created_at": "2026-08-25T00:49:21.479123456Z"
        }))
        .unwrap();

        assert_eq!(run.status, RunStatus::Running);
        assert_eq!(run.created_at.map(Timestamp::rfc3339).as_deref(), Some("2026-08-25T00:49:21.479Z"));
    }

    #[test]
    fn success_without_outputs_is_a_failure() {
        let run = UpstreamRun::from_json(json!({"id": "0f3c", "status": "completed", "outputs": []})).unwrap();

        assert!(matches!(run.signal(Via::Poll), Signal::UpstreamFailed { .. }));
    }
}
