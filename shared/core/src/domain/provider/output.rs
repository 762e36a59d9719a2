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
/// How deep an object is searched for links.
const DEPTH_MAX: usize = 4;

pub(super) fn outputs(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(outputs).collect(),
        Value::Object(_) => of_object(value),
        Value::Null => Vec::new(),
        Value::Bool(_) => vec![as_json(value)],
        other => text(other)
            .filter(|text| !text.is_empty())
            .into_iter()
            .collect(),
    }
}

/// What it holds under those names, else the links within it; an object with neither is an output
/// itself.
fn of_object(value: &Value) -> Vec<String> {
    let mut found = named(value);
    if found.is_empty() {
        links_within(value, DEPTH_MAX, &mut found);
    }
    if found.is_empty() {
        found.push(as_json(value));
    }
    found
}

/// Each once: the same link often has two names.
fn named(value: &Value) -> Vec<String> {
    let fields = Fields::of(value);
    let texts = NAMES
        .iter()
        .filter_map(|name| fields?.text(&[name]))
        .filter(|output| !output.is_empty());
    let mut found = Vec::new();
    for output in texts {
        if !found.contains(&output) {
            found.push(output);
        }
    }
    found
}

fn links_within(value: &Value, depth: usize, found: &mut Vec<String>) {
    let within: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        _ => Vec::new(),
    };
    for one in within {
        let links = named(one).into_iter().filter(|output| is_link(output));
        let before = found.len();
        found.extend(links);
        if found.len() == before && depth > 0 {
            links_within(one, depth - 1, found);
        }
    }
}

fn is_link(output: &str) -> bool {
    output.starts_with("https://") || output.starts_with("http://")
}

fn as_json(value: &Value) -> String {
    format!(
        "data:application/json;base64,{}",
        STANDARD.encode(value.to_string())
    )
}
