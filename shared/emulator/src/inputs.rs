//! What a submit may contain: the model's declared inputs, checked against its schema; the rest is
//! dropped.

use serde_json::{Map, Value, json};

use crate::catalogue::Model;
use crate::reply::Refusal;

/// A longer text, which can only be a file, is not declared with the run.
const KEPT_TEXT_BYTES_MAX: usize = 64 * 1024;

/// Checked inputs, and the source pictures in full.
pub(crate) struct Inputs {
    pub(crate) declared: Map<String, Value>,
    pub(crate) pictures: Vec<String>,
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
    let pictures = pictures(&declared);
    declared.values_mut().for_each(shorten);
    Ok(Inputs { declared, pictures })
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
        Some("array") => value
            .as_array()
            .is_some_and(|items| items.iter().all(Value::is_string)),
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

fn pictures(inputs: &Map<String, Value>) -> Vec<String> {
    let one = inputs.get("image").into_iter();
    let many = inputs
        .get("images")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let chosen = one
        .chain(many)
        .filter_map(Value::as_str)
        .filter(|text| !text.trim().is_empty());
    chosen.map(str::to_owned).collect()
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
