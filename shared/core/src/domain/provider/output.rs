//! The outputs of a run, in the shapes in which they come: links, texts, base64, objects that hold
//! one of them, or JSON itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lenient::{Fields, text};

/// Where an object keeps its output.
const NAMES: [&str; 10] = [
    "url",
    "uri",
    "download_url",
    "image_url",
    "video_url",
    "audio_url",
    "b64_json",
    "base64",
    "text",
    "content",
];

pub(super) fn outputs(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(outputs).collect(),
        Value::Object(_) => vec![of_object(value)],
        Value::Null => Vec::new(),
        other => text(other)
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect(),
    }
}

/// An object that names no output is one itself.
fn of_object(value: &Value) -> String {
    let named = Fields::of(value)
        .and_then(|fields| fields.text(&NAMES))
        .filter(|output| !output.is_empty());
    named.unwrap_or_else(|| {
        format!(
            "data:application/json;base64,{}",
            STANDARD.encode(value.to_string())
        )
    })
}
