//! The outputs of a run in all their forms: links, texts, base64, objects containing one of these,
//! or plain JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::lenient::{Fields, text};

/// Field names under which an object holds its output.
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

/// An object without such a field is an output itself.
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
