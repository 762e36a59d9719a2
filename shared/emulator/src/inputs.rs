//! What a submit may contain: the model's declared inputs, checked against its schema; the rest is
//! dropped.

use serde_json::{Map, Value, json};

use crate::catalogue::Model;
use crate::reply::Refusal;

/// A longer text, which can only be a file, is not declared with the run.
const KEPT_TEXT_BYTES_MAX: usize = 64 * 1024;

/// Checked inputs, and the media in full.
pub(crate) struct Inputs {
    pub(crate) declared: Map<String, Value>,
    pub(crate) media: Vec<Media>,
}

/// A file that a run starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Media {
    /// A URL, a `data:` URI, or base64 alone.
    pub(crate) place: String,
    pub(crate) is_picture: bool,
}

pub(crate) fn parse(model: &Model, body: Map<String, Value>) -> Result<Inputs, Refusal> {
    let mut declared = body;
    declared.retain(|name, value| !value.is_null() && model.properties.contains_key(name));
    if let Some(name) = model
        .required
        .iter()
        .find(|name| is_missing(declared.get(*name)))
    {
        return Err(Refusal::invalid(format!(
            "the parameter '{name}' is required"
        )));
    }
    for (name, value) in &declared {
        check(value, &model.properties[name])
            .map_err(|why| Refusal::invalid(format!("the parameter '{name}' {why}")))?;
    }
    let media = media(model, &declared);
    declared.values_mut().for_each(shorten);
    Ok(Inputs { declared, media })
}

fn is_missing(value: Option<&Value>) -> bool {
    value.is_none_or(|value| {
        value.as_str().is_some_and(|text| text.trim().is_empty()) || *value == json!([])
    })
}

fn check(value: &Value, property: &Value) -> Result<(), String> {
    let fits = match property["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.as_array().is_some_and(|items| {
            items
                .iter()
                .all(|item| check(item, &property["items"]).is_ok())
        }),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !fits {
        return Err(format!(
            "must be of type {}",
            property["type"].as_str().unwrap_or_default()
        ));
    }
    if property["enum"]
        .as_array()
        .is_some_and(|allowed| !allowed.contains(value))
    {
        return Err(format!("must be one of {}", property["enum"]));
    }
    check_range(value, property)
}

fn check_range(value: &Value, property: &Value) -> Result<(), String> {
    let (size, least, most) = match value {
        Value::Array(items) => (Some(items.len() as f64), "minItems", "maxItems"),
        other => (other.as_f64(), "minimum", "maximum"),
    };
    let Some(size) = size else { return Ok(()) };
    let too_small = property[least].as_f64().is_some_and(|limit| size < limit);
    let too_large = property[most].as_f64().is_some_and(|limit| size > limit);
    if too_small || too_large {
        return Err(format!(
            "must be between {} and {}",
            property[least], property[most]
        ));
    }
    Ok(())
}

/// The media in the order of the model's schema: pictures, and what its page has an uploader for.
fn media(model: &Model, inputs: &Map<String, Value>) -> Vec<Media> {
    let mut media = Vec::new();
    for name in &model.order {
        let property = &model.properties[name];
        let Some(is_picture) = holds_pictures(name, property) else {
            continue;
        };
        let texts = match inputs.get(name) {
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            other => other
                .and_then(Value::as_str)
                .into_iter()
                .collect::<Vec<_>>(),
        };
        let given = texts.into_iter().filter(|text| !text.trim().is_empty());
        media.extend(given.map(|text| Media {
            place: text.to_owned(),
            is_picture,
        }));
    }
    media
}

/// Whether an input holds pictures; `None` for one that holds no media.
fn holds_pictures(name: &str, property: &Value) -> Option<bool> {
    let accepts = property["x-accept"].as_str();
    match name {
        "image" | "images" => Some(true),
        _ => accepts.map(|accepts| accepts.starts_with("image/")),
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::String(text) if text.len() > KEPT_TEXT_BYTES_MAX => {
            let length = text.len();
            // The start of a `data:` URI shows what it was.
            text.truncate(
                text.get(..256)
                    .and_then(|head| head.find(','))
                    .map_or(0, |comma| comma + 1),
            );
            text.push_str(&format!("…({length} bytes)"));
            text.shrink_to_fit();
        }
        Value::Array(items) => items.iter_mut().for_each(shorten),
        _ => {}
    }
}
