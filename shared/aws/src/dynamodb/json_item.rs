//! Types with few items and many fields, in their serde form as DynamoDB's native types.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::{Error, Reason, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

use super::attribute::Item;

pub(super) fn to_item(noun: &impl Serialize) -> Result<Item> {
    match serde_json::to_value(noun) {
        Ok(Value::Object(map)) => Ok(map
            .into_iter()
            .map(|(name, value)| (name, to_attribute(value)))
            .collect()),
        Ok(_) => Err(Error::internal(
            "row_unwritable",
            "only what has named parts is an item",
        )),
        Err(error) => {
            Err(Error::internal("row_unwritable", "an item cannot be written").source(error))
        }
    }
}

/// Ignores attributes that the type does not have; the error names a missing one.
pub(super) fn from_item<T: DeserializeOwned>(item: &Item) -> Result<T> {
    serde_json::from_value(Value::Object(to_map(item))).map_err(|error| {
        // The text of serde's errors has field names and kinds of values; for a custom type it may
        // contain the value, so it only goes into the log.
        Error::internal("row_unreadable", "a stored item cannot be read")
            .because(Reason::Unreadable)
            .source(error)
    })
}

/// The same as one string, which conditions can compare.
pub(super) fn to_text(noun: &impl Serialize) -> Result<String> {
    serde_json::to_string(noun).map_err(|error| {
        Error::internal("row_unwritable", "an item cannot be written").source(error)
    })
}

pub(super) fn from_text<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| {
        Error::internal("row_unreadable", "a stored item cannot be read").source(error)
    })
}

fn to_attribute(value: Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(bool) => AttributeValue::Bool(bool),
        Value::Number(number) => AttributeValue::N(number.to_string()),
        Value::String(text) => AttributeValue::S(text),
        Value::Array(values) => AttributeValue::L(values.into_iter().map(to_attribute).collect()),
        Value::Object(map) => AttributeValue::M(
            map.into_iter()
                .map(|(name, value)| (name, to_attribute(value)))
                .collect(),
        ),
    }
}

fn to_map(item: &Item) -> Map<String, Value> {
    item.iter()
        .map(|(name, value)| (name.clone(), to_json(value)))
        .collect()
}

fn to_json(attribute: &AttributeValue) -> Value {
    match attribute {
        AttributeValue::Bool(bool) => Value::Bool(*bool),
        AttributeValue::N(number) => number.parse::<Number>().map_or(Value::Null, Value::Number),
        AttributeValue::S(text) => Value::String(text.clone()),
        AttributeValue::L(values) => Value::Array(values.iter().map(to_json).collect()),
        AttributeValue::M(map) => Value::Object(to_map(map)),
        // These types are never written with any other attribute type.
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_noun_comes_back_as_it_went() {
        let noun = json!({ "a": [1, -2, "x", true, null], "b": { "c": "", "d": {} }, "e": 1_787_618_961_479_i64 });

        let item = to_item(&noun).unwrap();

        assert!(matches!(&item["e"], AttributeValue::N(number) if number == "1787618961479"));
        assert_eq!(from_item::<Value>(&item).unwrap(), noun);
    }
}
