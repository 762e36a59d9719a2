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

/// The vendor's words; all but the id may be absent, null or of another type.
#[derive(Deserialize)]
struct Wire {
    id: String,
    #[serde(default)]
    model: Value,
    #[serde(default)]
    status: Value,
    #[serde(default)]
    outputs: Value,
    #[serde(default)]
    has_nsfw_contents: Value,
    #[serde(default)]
    timings: Value,
    #[serde(default, alias = "executionTime")]
    execution_time: Value,
    #[serde(default)]
    created_at: Value,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    code: Value,
    #[serde(default, alias = "inputs")]
    input: Value,
}

impl UpstreamRun {
    /// Reads a bare prediction object. Fails with kind `Unavailable`: what cannot be read is asked for again.
    pub fn from_json(value: Value) -> Result<Self, Error> {
        let wire: Wire = serde_json::from_value(value).map_err(|error| unreadable().source(error))?;
        let id = UpstreamId::parse(&wire.id).map_err(|error| unreadable().source(error))?;
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        Ok(Self {
            id,
            model: wire.model.as_str().and_then(|model| ModelId::parse(model).ok()),
            status: status(wire.status.as_str().unwrap_or_default()),
            outputs: list(&wire.outputs).iter().filter_map(output_url).collect(),
            nsfw: list(&wire.has_nsfw_contents).iter().map(|flag| flag.as_bool().unwrap_or(false)).collect(),
            inference_ms: inference_ms(&wire.timings, &wire.execution_time),
            created_at: wire.created_at.as_str().and_then(Timestamp::from_rfc3339),
            error: wire.error.as_str().unwrap_or_default().to_owned(),
            code: number(&wire.code).and_then(|code| u32::try_from(code as i64).ok()),
            inputs: Some(wire.input).filter(|input| !input.is_null()),
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

fn inference_ms(timings: &Value, execution_time: &Value) -> Option<u64> {
    let number = timings.get("inference").and_then(number).or_else(|| number(execution_time))?;
    (number.is_finite() && number >= 0.0).then_some(number as u64)
}

/// A number, or a text that is one.
fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok())
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
    fn a_field_of_an_odd_type_does_not_hide_the_rest() {
        let run = UpstreamRun::from_json(json!({
            "id": "0f3c", "status": "failed", "code": "1402", "has_nsfw_contents": [null], "executionTime": "12",
            "error": "x", "model": 7
        }))
        .unwrap();

        assert_eq!((run.code, run.inference_ms, run.nsfw), (Some(1402), Some(12), vec![false]));
        assert_eq!(run.status, RunStatus::Ended(UpstreamEnd::Failed));
    }

    #[test]
    fn success_without_outputs_is_a_failure() {
        let run = UpstreamRun::from_json(json!({"id": "0f3c", "status": "completed", "outputs": []})).unwrap();

        assert!(matches!(run.signal(Via::Poll), Signal::UpstreamFailed { .. }));
    }
}
