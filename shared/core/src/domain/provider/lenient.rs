//! Lenient parsing of the provider's JSON: fields under any of several names, numbers and flags as
//! strings, ids in upper case, nulls as absent.
//!
//! Everything that reads the provider's answers, webhooks, lists and bills uses this module. It
//! does not decide what an answer means.

use serde_json::{Map, Value};

use crate::base::id::RunId;
use crate::base::time::Timestamp;

/// Numeric times below this are seconds, from it on milliseconds: as seconds it is the year 5138,
/// as milliseconds 1973.
const MILLISECONDS_FROM: f64 = 1e11;
/// Field names under which lists appear.
const LIST_NAMES: [&str; 4] = ["items", "predictions", "results", "list"];

/// The fields of an object.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    /// `None` if the value is not an object.
    pub fn of(value: &'a Value) -> Option<Self> {
        value.as_object().map(Self)
    }

    /// The first of these fields that is present and not null.
    pub fn first(self, names: &[&str]) -> Option<&'a Value> {
        names
            .iter()
            .filter_map(|name| self.0.get(*name))
            .find(|value| !value.is_null())
    }

    /// The first of these fields that is not empty, or else the first that is present.
    pub fn fullest(self, names: &[&str]) -> Option<&'a Value> {
        let there = || {
            names
                .iter()
                .filter_map(|name| self.0.get(*name))
                .filter(|value| !value.is_null())
        };
        there()
            .find(|value| !is_empty(value))
            .or_else(|| there().next())
    }

    pub fn text(self, names: &[&str]) -> Option<String> {
        self.first(names).and_then(text)
    }

    pub fn number(self, names: &[&str]) -> Option<f64> {
        self.first(names).and_then(number)
    }

    pub fn time(self, names: &[&str]) -> Option<Timestamp> {
        self.first(names).and_then(time)
    }

    pub fn run_id(self, names: &[&str]) -> Option<RunId> {
        self.first(names).and_then(run_id)
    }
}

/// A string, or a number as a string; trimmed.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A finite number, or a string that contains one.
pub fn number(value: &Value) -> Option<f64> {
    let number = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok())?;
    number.is_finite().then_some(number)
}

/// A boolean, or a string or number that stands for one.
pub fn flag(value: &Value) -> Option<bool> {
    let of_text = |text: &str| match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" | "" => Some(false),
        _ => None,
    };
    value.as_bool().or_else(|| of_text(&text(value)?))
}

/// RFC 3339 with any offset and precision, or without an offset (then UTC), or seconds or
/// milliseconds since 1970.
pub fn time(value: &Value) -> Option<Timestamp> {
    if let Some(number) = number(value) {
        let millis = if number.abs() < MILLISECONDS_FROM {
            number * 1_000.0
        } else {
            number
        };
        return Some(Timestamp(millis as i64));
    }
    let text = value.as_str()?.trim();
    Timestamp::from_rfc3339_or_utc(text)
}

/// A run's id. Hexadecimal ids are documented in lower case, so upper case is normalized.
pub fn run_id(value: &Value) -> Option<RunId> {
    let id = text(value)?;
    let is_hex = id
        .bytes()
        .filter(|byte| *byte != b'-')
        .all(|byte| byte.is_ascii_hexdigit());
    let is_uuid = is_hex && matches!((id.len(), id.matches('-').count()), (32, 0) | (36, 4));
    RunId::parse(&if is_uuid { id.to_ascii_lowercase() } else { id }).ok()
}

/// The items of a list, either bare or in a named field; an empty list may be null. `None` if it is
/// not a list.
pub fn items(data: Value) -> Option<Vec<Value>> {
    let Value::Object(mut fields) = data else {
        return if let Value::Array(items) = data {
            Some(items)
        } else {
            None
        };
    };
    match LIST_NAMES.iter().find_map(|name| fields.remove(*name))? {
        Value::Array(items) => Some(items),
        Value::Null => Some(Vec::new()),
        _ => None,
    }
}

/// The message in a string, in an object, or in a list of either.
pub fn message(value: &Value) -> String {
    match value {
        Value::Object(_) => Fields::of(value)
            .and_then(|fields| fields.first(&["message", "msg", "error", "detail"]))
            .map(message)
            .unwrap_or_default(),
        Value::Array(parts) => parts
            .iter()
            .map(message)
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join("; "),
        _ => text(value).unwrap_or_default(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_is_read_however_it_is_written() {
        let at = Some(Timestamp(1_787_618_961_000));
        for value in [
            json!("2026-08-25T00:49:21Z"),
            json!("2026-08-25T00:49:21.000000123Z"),
            json!("2026-08-25T02:49:21+02:00"),
            json!("2026-08-25T00:49:21"),
            json!("2026-08-25 00:49:21"),
            json!(1_787_618_961),
            json!("1787618961"),
            json!(1_787_618_961_000_i64),
        ] {
            assert_eq!(time(&value), at, "{value}");
        }
        for value in [
            json!(null),
            json!(""),
            json!("yesterday"),
            json!([]),
            json!(true),
        ] {
            assert_eq!(time(&value), None, "{value}");
        }
    }

    #[test]
    fn an_id_in_capitals_names_the_run_in_small_letters_and_another_alphabet_is_kept() {
        let id = |text: &str| run_id(&json!(text)).map(String::from);

        assert_eq!(id(&"0F3C".repeat(8)), Some("0f3c".repeat(8)));
        assert_eq!(
            id(&format!(" {} ", "0f3c".repeat(8))),
            Some("0f3c".repeat(8))
        );
        assert_eq!(
            id("0F3C0F3C-0F3C-0F3C-0F3C-0F3C0F3C0F3C").as_deref(),
            Some("0f3c0f3c-0f3c-0f3c-0f3c-0f3c0f3c0f3c")
        );
        assert_eq!(id("Run_Abc").as_deref(), Some("Run_Abc"));
        assert_eq!(
            (id(""), run_id(&json!(null)), run_id(&json!({}))),
            (None, None, None)
        );
        assert_eq!(run_id(&json!(17)).map(String::from).as_deref(), Some("17"));
    }

    #[test]
    fn the_first_name_that_holds_something_is_read() {
        let value = json!({ "input": {}, "inputs": { "prompt": "a" }, "none": null, "n": "12" });
        let fields = Fields::of(&value).unwrap();

        assert_eq!(
            fields.fullest(&["input", "inputs"]),
            Some(&json!({ "prompt": "a" }))
        );
        assert_eq!(fields.fullest(&["input"]), Some(&json!({})));
        assert_eq!(fields.first(&["none"]), None);
        assert_eq!(fields.number(&["none", "n"]), Some(12.0));
    }

    #[test]
    fn a_list_is_read_bare_or_by_its_name() {
        assert_eq!(items(json!([1])), Some(vec![json!(1)]));
        assert_eq!(items(json!({ "items": [1] })), Some(vec![json!(1)]));
        assert_eq!(items(json!({ "items": null })), Some(vec![]));
        assert_eq!(
            (
                items(json!({})),
                items(json!("x")),
                items(json!({ "items": 7 }))
            ),
            (None, None, None)
        );
    }
}
