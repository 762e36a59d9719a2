//! A run as the vendor's API shows it: in answers, lists and webhooks alike.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Run, RunStatus};

/// Longer texts (data: URIs, mostly) are not echoed whole.
const ECHOED_CHARS_MAX: usize = 2_048;
const ECHOED_CHARS_KEPT: usize = 64;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Prediction<'a> {
    pub(crate) id: &'a str,
    pub(crate) model: &'a str,
    pub(crate) outputs: &'a [String],
    pub(crate) urls: Value,
    pub(crate) has_nsfw_contents: Vec<bool>,
    pub(crate) status: RunStatus,
    pub(crate) created_at: String,
    pub(crate) error: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) code: Option<u32>,
    pub(crate) timings: Value,
    #[serde(rename = "executionTime")]
    pub(crate) execution_time: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) input: Option<Map<String, Value>>,
}

impl<'a> Prediction<'a> {
    pub(crate) fn of(run: &'a Run, base_url: &str) -> Self {
        let end = run.end();
        let product = end.and_then(|end| end.result.as_ref().ok());
        let failure = end.and_then(|end| end.result.as_ref().err());
        let took_ms = end.map_or(0, |end| u64::try_from(end.took.as_millis()).unwrap_or(u64::MAX));
        Self {
            id: &run.id,
            model: &run.model.id,
            outputs: product.map_or(&[], |product| &product.outputs),
            urls: json!({ "get": format!("{base_url}/api/v3/predictions/{}/result", run.id) }),
            has_nsfw_contents: product.map_or_else(Vec::new, |product| vec![product.nsfw; product.outputs.len()]),
            status: run.status(),
            created_at: created_at(run),
            error: failure.map_or("", |failure| failure.error.as_str()).into(),
            code: failure.map(|failure| failure.code),
            timings: json!({ "inference": took_ms }),
            execution_time: took_ms,
            input: Some(echo(&run.inputs)),
        }
    }

    pub(crate) fn without_input(self) -> Self {
        Self { input: None, ..self }
    }
}

/// Three to nine fractional digits, as upstream; which, depends on the run, so that parsers meet them all.
fn created_at(run: &Run) -> String {
    let digits = 3 + usize::from(run.id.bytes().last().unwrap_or_default() % 7);
    format!("{:.digits$}", run.created_at)
}

fn echo(inputs: &Map<String, Value>) -> Map<String, Value> {
    inputs.iter().map(|(name, value)| (name.clone(), shortened(value))).collect()
}

fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > ECHOED_CHARS_MAX => {
            let kept: String = text.chars().take(ECHOED_CHARS_KEPT).collect();
            Value::from(format!("{kept}… ({} bytes)", text.len()))
        }
        Value::Array(items) => items.iter().map(shortened).collect(),
        other => other.clone(),
    }
}
