//! Attributes of an item: reads them with an error that names the faulty one, and counts their
//! bytes as DynamoDB bills them.

use std::collections::HashMap;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An item, or a map within one.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

pub(super) fn number(number: impl Into<i128>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

pub(super) fn bytes(bytes: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

/// One of the core's enum values, such as a state, as serde spells it.
pub(super) fn word(word: &impl Serialize) -> Result<AttributeValue> {
    match serde_json::to_value(word) {
        Ok(serde_json::Value::String(word)) => Ok(text(word)),
        Ok(other) => Err(Error::internal(
            "row_unwritable",
            format!("{other} is not a word"),
        )),
        Err(error) => {
            Err(Error::internal("row_unwritable", "a word cannot be written").source(error))
        }
    }
}

/// Reads the attributes of one item. It ignores attributes that it does not ask for: a later
/// release may have added them.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a Item);

impl<'a> Reader<'a> {
    pub(super) fn text(self, name: &str) -> Result<&'a str> {
        self.optional_text(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional_text(self, name: &str) -> Result<Option<&'a str>> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        value
            .as_s()
            .map(|text| Some(text.as_str()))
            .map_err(|_| unreadable(name))
    }

    pub(super) fn number<N: TryFrom<i64>>(self, name: &str) -> Result<N> {
        self.optional_number(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional_number<N: TryFrom<i64>>(self, name: &str) -> Result<Option<N>> {
        self.0
            .get(name)
            .map(|value| number_of(value).ok_or_else(|| unreadable(name)))
            .transpose()
    }

    pub(super) fn bytes(self, name: &str) -> Result<&'a [u8]> {
        let value = self.0.get(name).ok_or_else(|| missing(name))?;
        value
            .as_b()
            .map(AsRef::as_ref)
            .map_err(|_| unreadable(name))
    }

    pub(super) fn list(self, name: &str) -> Result<&'a [AttributeValue]> {
        let value = self.0.get(name).ok_or_else(|| missing(name))?;
        value
            .as_l()
            .map(Vec::as_slice)
            .map_err(|_| unreadable(name))
    }

    /// Empty if there is none.
    pub(super) fn list_or_empty(self, name: &str) -> Result<&'a [AttributeValue]> {
        if self.0.contains_key(name) {
            self.list(name)
        } else {
            Ok(&[])
        }
    }

    pub(super) fn word<W: DeserializeOwned>(self, name: &str) -> Result<W> {
        self.optional_word(name)?.ok_or_else(|| missing(name))
    }

    pub(super) fn optional_word<W: DeserializeOwned>(self, name: &str) -> Result<Option<W>> {
        self.0
            .get(name)
            .map(|value| word_of(value).ok_or_else(|| unreadable(name)))
            .transpose()
    }
}

pub(super) fn number_of<N: TryFrom<i64>>(value: &AttributeValue) -> Option<N> {
    value
        .as_n()
        .ok()?
        .parse::<i64>()
        .ok()
        .and_then(|number| N::try_from(number).ok())
}

pub(super) fn word_of<W: DeserializeOwned>(value: &AttributeValue) -> Option<W> {
    serde_json::from_value(serde_json::Value::String(value.as_s().ok()?.clone())).ok()
}

fn missing(name: &str) -> Error {
    Error::internal("row_unreadable", format!("a stored item has no '{name}'"))
}

pub(super) fn unreadable(name: &str) -> Error {
    Error::internal(
        "row_unreadable",
        format!("the '{name}' of a stored item cannot be read"),
    )
}

/// The size that DynamoDB bills:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>.
pub(super) fn item_bytes(item: &Item) -> usize {
    item.iter()
        .map(|(name, value)| name.len() + value_bytes(value))
        .sum()
}

/// The overhead of a list or a map, and of each of its elements.
const CONTAINER_BYTES: usize = 3;
const ELEMENT_BYTES: usize = 1;

fn value_bytes(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(number) => number_bytes(number),
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::L(list) => {
            CONTAINER_BYTES
                + list
                    .iter()
                    .map(|value| ELEMENT_BYTES + value_bytes(value))
                    .sum::<usize>()
        }
        AttributeValue::M(map) => CONTAINER_BYTES + ELEMENT_BYTES * map.len() + item_bytes(map),
        _ => 1,
    }
}

/// One byte per two significant digits, plus one, plus one for a sign.
fn number_bytes(number: &str) -> usize {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len().max(1);
    significant.div_ceil(2) + 1 + usize::from(number.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_counted_as_dynamodb_documents_them() {
        let list = AttributeValue::L(vec![text("ab"), AttributeValue::Bool(true)]);
        let map = AttributeValue::M(Item::from([(
            "k".to_owned(),
            number(1_787_618_961_479_i64),
        )]));
        let item = Item::from([
            ("l".to_owned(), list),
            ("m".to_owned(), map),
            ("price".to_owned(), number(80_000)),
        ]);

        assert_eq!(
            item_bytes(&item),
            (1 + 3 + 3 + 2) + (1 + 3 + 1 + 1 + 8) + (5 + 2)
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let item = Item::from([("at".to_owned(), text("noon"))]);

        for (error, why) in [
            (Reader(&item).number::<i64>("at").unwrap_err(), "'at'"),
            (Reader(&item).text("state").unwrap_err(), "'state'"),
        ] {
            assert_eq!(error.code, "row_unreadable");
            assert!(error.message.contains(why), "{error}");
        }
    }
}
