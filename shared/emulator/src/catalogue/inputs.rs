//! Checks inputs against a model's schema: drops what is not declared, fills in defaults, refuses what does not fit.

use std::fmt;

use serde_json::{Map, Value};

use super::Model;

/// Vendor code 1400 for a missing input, 1401 for an invalid one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InvalidInput {
    Missing(String),
    Unfit { name: String, why: String },
}

impl fmt::Display for InvalidInput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(formatter, "missing required parameter: {name}"),
            Self::Unfit { name, why } => write!(formatter, "invalid parameter {name}: {why}"),
        }
    }
}

/// The inputs a run is made with.
pub(crate) fn accept(model: &Model, mut given: Map<String, Value>) -> Result<Map<String, Value>, InvalidInput> {
    let mut inputs = Map::new();
    for (name, schema) in &model.properties {
        let value = given.remove(name).filter(|value| !value.is_null());
        let Some(value) = value.or_else(|| schema.get("default").cloned()) else { continue };
        check(schema, &value).map_err(|why| InvalidInput::Unfit { name: name.clone(), why })?;
        inputs.insert(name.clone(), value);
    }
    match model.required.iter().find(|name| is_blank(inputs.get(*name))) {
        Some(name) => Err(InvalidInput::Missing(name.clone())),
        None => Ok(inputs),
    }
}

fn is_blank(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::String(text)) => text.trim().is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(_) => false,
    }
}

fn check(schema: &Value, value: &Value) -> Result<(), String> {
    check_type(schema["type"].as_str().unwrap_or_default(), value)?;
    check_range(schema, value)?;
    check_enum(schema, value)?;
    check_items(schema, value)
}

fn check_type(wanted: &str, value: &Value) -> Result<(), String> {
    let fits = match wanted {
        "string" => value.is_string(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("must be of type {wanted}")) }
}

fn check_range(schema: &Value, value: &Value) -> Result<(), String> {
    let Some(number) = value.as_f64() else { return Ok(()) };
    let low = schema["minimum"].as_f64().unwrap_or(f64::NEG_INFINITY);
    let high = schema["maximum"].as_f64().unwrap_or(f64::INFINITY);
    if (low..=high).contains(&number) { Ok(()) } else { Err(format!("must be between {low} and {high}")) }
}

fn check_enum(schema: &Value, value: &Value) -> Result<(), String> {
    match schema["enum"].as_array() {
        Some(choices) if !choices.contains(value) => Err(format!("must be one of {}", schema["enum"])),
        _ => Ok(()),
    }
}

fn check_items(schema: &Value, value: &Value) -> Result<(), String> {
    let Some(items) = value.as_array() else { return Ok(()) };
    let most = schema["maxItems"].as_u64().map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX));
    if items.len() > most {
        return Err(format!("must have at most {most} items"));
    }
    items.iter().try_for_each(|item| check_type(schema["items"]["type"].as_str().unwrap_or_default(), item))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{InvalidInput, accept};
    use crate::catalogue::model;

    fn accepted(inputs: Value) -> Result<Value, String> {
        let Value::Object(inputs) = inputs else { panic!("inputs are an object") };
        let model = model("wavespeed-ai/flux-kontext-max").unwrap();
        accept(model, inputs).map(Value::Object).map_err(|invalid| invalid.to_string())
    }

    #[test]
    fn undeclared_inputs_are_dropped_and_defaults_filled_in() {
        let inputs = accepted(json!({"prompt": "p", "image": "i", "webhook_url": "w", "seed": null})).unwrap();

        let wanted = json!({
            "prompt": "p", "image": "i", "guidance_scale": 3.5, "enable_safety_checker": true,
            "enable_sync_mode": false, "enable_base64_output": false,
        });
        assert_eq!(inputs, wanted);
    }

    #[test]
    fn a_missing_or_blank_required_input_is_named() {
        for inputs in [json!({"image": "i"}), json!({"image": "i", "prompt": " "}), json!({"image": "i", "prompt": null})] {
            assert_eq!(accepted(inputs).unwrap_err(), InvalidInput::Missing("prompt".to_owned()).to_string());
        }
    }

    #[test]
    fn values_outside_type_range_or_choice_are_refused() {
        let unfit = [("seed", json!(-2)), ("seed", json!("1")), ("guidance_scale", json!(0.5)), ("aspect_ratio", json!("5:1"))];
        for (name, value) in unfit {
            let refusal = accepted(json!({"prompt": "p", "image": "i", name: value})).unwrap_err();
            assert!(refusal.starts_with(&format!("invalid parameter {name}")), "{refusal}");
        }
    }
}
