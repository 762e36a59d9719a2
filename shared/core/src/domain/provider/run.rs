//! The provider's answers about a run, parsed leniently.

use serde_json::Value;

use super::lenient::{self, Fields};
use super::output::outputs;
use super::told::told;
use crate::base::error::Error;
use crate::base::id::{ModelId, RunId};
use crate::base::time::Timestamp;
use crate::domain::task::{Failure, Finished, RunEnd, Signal, Via};

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;

/// Of a failure, or a remark.
const TEXT_CHARS_MAX: usize = 500;

/// A run as reported by the provider in an answer or a webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderRun {
    pub id: RunId,
    pub model: Option<ModelId>,
    pub status: RunStatus,
    pub outputs: Vec<String>,
    pub nsfw: Vec<bool>,
    pub inference_ms: Option<u64>,
    pub created_at: Option<Timestamp>,
    pub error: String,
    pub code: Option<u32>,
    /// A remark of the bundled emulator about a run that it could only imitate; the provider sends
    /// none.
    pub note: Option<String>,
    /// Present only in lists requested with `include_inputs`.
    pub inputs: Option<Value>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunStatus {
    Running,
    Completed,
    Ended(RunEnd),
}

impl ProviderRun {
    /// Parses a prediction object. Every field except the id may be absent, null, of another type
    /// or under an older name. Fails with kind `Unavailable`: an unreadable answer is requested
    /// again.
    pub fn from_json(value: &Value) -> Result<Self, Error> {
        let fields = prediction(value).ok_or_else(unreadable)?;
        let id = fields.run_id(&ID_NAMES).ok_or_else(unreadable)?;
        Ok(Self {
            id,
            model: fields
                .text(&["model", "model_id", "model_uuid"])
                .and_then(|model| ModelId::parse(&model).ok()),
            status: status(&fields.text(&["status"]).unwrap_or_default()),
            outputs: fields
                .fullest(&["outputs", "output"])
                .map(outputs)
                .unwrap_or_default(),
            nsfw: fields
                .first(&["has_nsfw_contents", "has_nsfw_content"])
                .map(flags)
                .unwrap_or_default(),
            inference_ms: inference_ms(fields),
            created_at: fields.time(&["created_at", "createdAt"]),
            error: fields
                .first(&["error"])
                .map(lenient::message)
                .unwrap_or_default(),
            code: fields
                .number(&["code"])
                .and_then(|code| u32::try_from(code as i64).ok()),
            note: fields
                .text(&["emulator_note"])
                .map(|note| told(&note, TEXT_CHARS_MAX))
                .filter(|note| !note.is_empty()),
            inputs: fields.fullest(&["input", "inputs"]).cloned(),
        })
    }

    /// The signal that this report means for its task.
    pub fn signal(self, via: Via) -> Signal {
        match self.status {
            RunStatus::Running => Signal::Accepted { run: self.id, via },
            RunStatus::Completed if self.outputs.is_empty() => Signal::RunFailed {
                failure: Failure::new(
                    5000,
                    "no_outputs",
                    "the model reported success without any output; submit again",
                ),
                run: self.id,
                via,
                end: RunEnd::Failed,
            },
            RunStatus::Completed => Signal::Finished(Finished {
                run: self.id,
                via,
                sources: self.outputs,
                nsfw: self.nsfw,
                inference_ms: self.inference_ms,
                note: self.note,
            }),
            RunStatus::Ended(end) => Signal::RunFailed {
                failure: failure(self.code, &self.error),
                run: self.id,
                via,
                end,
            },
        }
    }
}

const ID_NAMES: [&str; 2] = ["id", "prediction_id"];

/// The prediction itself, even inside an envelope.
fn prediction(value: &Value) -> Option<Fields<'_>> {
    let fields = Fields::of(value)?;
    if fields.first(&ID_NAMES).is_some() {
        return Some(fields);
    }
    Fields::of(fields.first(&["data"])?)
}

/// An unknown word does not end the task; the provider is asked again.
fn status(word: &str) -> RunStatus {
    match word.to_ascii_lowercase().as_str() {
        "completed" | "succeeded" | "success" => RunStatus::Completed,
        "failed" | "error" | "deleted" => RunStatus::Ended(RunEnd::Failed),
        "cancelled" | "canceled" => RunStatus::Ended(RunEnd::Cancelled),
        "timeout" | "timed_out" => RunStatus::Ended(RunEnd::Timeout),
        _ => RunStatus::Running,
    }
}

/// The provider's failure; its text is truncated and reduced to one line.
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
    let text = told(error, TEXT_CHARS_MAX);
    let message = if text.is_empty() {
        "the model failed without giving a reason".to_owned()
    } else {
        text
    };
    Failure::new(code, reason, message)
}

fn flags(value: &Value) -> Vec<bool> {
    let flag = |value: &Value| lenient::flag(value).unwrap_or(false);
    value.as_array().map_or_else(
        || vec![flag(value)],
        |flags| flags.iter().map(flag).collect(),
    )
}

fn inference_ms(fields: Fields<'_>) -> Option<u64> {
    let timings = fields.first(&["timings"]).and_then(Fields::of);
    let inference = timings.and_then(|timings| timings.number(&["inference"]));
    let number = inference.or_else(|| fields.number(&["executionTime", "execution_time"]))?;
    (number >= 0.0).then_some(number as u64)
}

fn unreadable() -> Error {
    Error::unavailable(
        "provider_unreadable",
        "the provider's prediction could not be parsed",
    )
}
