//! Parses JSON from outside: within bounds, without duplicate keys, and with an object wherever a
//! struct is expected.
//!
//! JSON that Fluxgate wrote itself is read by serde directly.

mod bounded;
mod nullable;
mod strict;
mod unfit;

pub use nullable::nullable;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::error::Result;

/// Bounds on parsed JSON. A tree of many small values takes a hundred times its text size in
/// memory.
#[derive(Debug, Clone, Copy)]
pub struct JsonBounds {
    /// Keys in all objects combined.
    pub keys_max: usize,
    /// Items in all arrays combined.
    pub items_max: usize,
    /// Nesting depth of objects and arrays.
    pub levels_max: usize,
}

impl JsonBounds {
    /// For requests and tokens: far more than any model accepts.
    pub const REQUEST: Self = Self {
        keys_max: 1_000,
        items_max: 10_000,
        levels_max: 64,
    };
    /// For documents from the operator, the provider or an issuer: key sets, trusts, price books,
    /// predictions.
    pub const DOCUMENT: Self = Self {
        keys_max: 50_000,
        items_max: 50_000,
        levels_max: 64,
    };
}

/// Parses any JSON. Fails with kind `Invalid`: code `json_too_complex`, naming the bound, or code
/// `invalid_json` for malformed JSON or a duplicate key. Both name the first-level field where they
/// occurred, if known.
pub fn value(bytes: &[u8], bounds: JsonBounds) -> Result<Value> {
    bounded::read(bytes, bounds)
}

/// Parses JSON into a type, as [`value`] does; structs are accepted as objects only. On a mismatch
/// the error has code `invalid_json` and names the field's path, such as `trust[0].keys`.
pub fn read<T: DeserializeOwned>(bytes: &[u8], bounds: JsonBounds) -> Result<T> {
    of(value(bytes, bounds)?)
}

/// As [`read`], from a value that is already parsed.
pub fn of<T: DeserializeOwned>(value: Value) -> Result<T> {
    T::deserialize(strict::Strict(value)).map_err(unfit::Unfit::error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    const SMALL: JsonBounds = JsonBounds {
        keys_max: 4,
        items_max: 5,
        levels_max: 3,
    };

    fn refused(text: &str) -> (&'static str, Option<String>) {
        let error = value(text.as_bytes(), SMALL).unwrap_err();
        (error.code, error.field)
    }

    #[test]
    fn json_within_its_bounds_is_read_as_it_is() {
        let text = r#"{"a":[1,-2,3.5,"x",null],"b":{"c":true},"d":"é\n"}"#;

        let read = value(text.as_bytes(), SMALL).unwrap();

        assert_eq!(
            read,
            json!({"a": [1, -2, 3.5, "x", null], "b": {"c": true}, "d": "é\n"})
        );
        for plain in ["null", "7", "\"x\"", "[]"] {
            assert_eq!(value(plain.as_bytes(), SMALL).unwrap().to_string(), plain);
        }
    }

    #[test]
    fn one_more_than_a_bound_allows_is_refused_by_the_bound_s_name_and_the_field_s() {
        let too_complex = |field: &str| ("json_too_complex", Some(field.to_owned()));

        assert_eq!(
            refused(r#"{"a":1,"b":{"c":1,"d":1,"e":1}}"#),
            too_complex("b")
        );
        assert_eq!(refused(r#"{"a":[1,2,3],"b":[1,2,3]}"#), too_complex("b"));
        assert_eq!(refused(r#"{"a":[[[]]]}"#), too_complex("a"));
        let error = value(r#"{"a":[[[]]]}"#.as_bytes(), SMALL).unwrap_err();
        assert!(error.message.contains("3 levels"), "{}", error.message);
    }

    /// The bound is enforced during parsing: whatever follows it is not read, however long it is.
    #[test]
    fn a_bound_is_met_while_reading() {
        assert_eq!(
            refused(r#"{"a":[1,2,3,4,5,6 and no JSON at all"#).0,
            "json_too_complex"
        );
    }

    #[test]
    fn a_name_twice_in_one_object_is_refused() {
        let twice = ("invalid_json", Some("sub".to_owned()));

        assert_eq!(refused(r#"{"sub":"a","sub":"b"}"#), twice);
        assert_eq!(refused(r#"{"sub":{"x":1,"x":1}}"#), twice);
        assert!(value(br#"{"a":{"x":1},"b":{"x":1}}"#, SMALL).is_ok());
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in [
            "",
            "{",
            "{\"a\":}",
            "1 2",
            "{\"a\":1e999}",
            "\u{0}",
            "{a:1}",
        ] {
            assert_eq!(refused(text).0, "invalid_json", "{text:?}");
        }
    }

    #[test]
    fn an_error_does_not_grow_with_the_names_that_are_wrong() {
        let long = "x".repeat(60_000);
        for text in [
            format!(r#"{{"{long}":1,"{long}":1}}"#),
            format!(r#"{{"name":"x","{long}":1}}"#),
            format!(r#"{{"name":"x","by_name":{{"{long}":{{"size":"x"}}}}}}"#),
            format!(r#"{{"name":"x","kind":"{long}"}}"#),
        ] {
            let error = order(&text).unwrap_err();
            assert!(
                error.message.len() + error.field.unwrap_or_default().len() < 400,
                "{}",
                error.message
            );
        }
    }

    #[test]
    fn what_is_not_utf_8_is_told_so() {
        let utf_16 = |text: &str| {
            text.encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect::<Vec<u8>>()
        };
        for (bytes, told) in [
            ([b"\xef\xbb\xbf", &b"{}"[..]].concat(), "byte order mark"),
            ([b"\xff\xfe".to_vec(), utf_16("{}")].concat(), "UTF-16"),
            (utf_16("{\"a\":1}"), "UTF-16"),
            (b"\0{\0}".to_vec(), "UTF-16"),
            (b"{\"a\":\"caf\xe9\"}".to_vec(), "is not valid UTF-8"),
            (b"{\"a\":}".to_vec(), "line 1 column 6"),
        ] {
            let error = value(&bytes, SMALL).unwrap_err();
            assert!(
                error.code == "invalid_json" && error.message.contains(told),
                "{bytes:?}: {}",
                error.message
            );
        }
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        name: String,
        #[serde(default)]
        count: Option<u32>,
        #[serde(default)]
        parts: Vec<Part>,
        #[serde(default)]
        by_name: BTreeMap<String, Part>,
        #[serde(default)]
        kind: Kind,
        #[serde(default)]
        rest: Value,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Part {
        size: f64,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        #[default]
        Plain,
        Link(String),
        Boxed {
            part: Option<Part>,
        },
    }

    fn order(text: &str) -> Result<Order> {
        read(text.as_bytes(), JsonBounds::REQUEST)
    }

    #[test]
    fn an_object_is_read_as_serde_reads_it() {
        let text = r#"{"name":"x","count":null,"parts":[{"size":1}],"by_name":{"a":{"size":2.5}},
            "kind":{"boxed":{"part":{"size":3}}},"rest":[{"any":["thing"]}]}"#;

        assert_eq!(order(text).unwrap(), serde_json::from_str(text).unwrap());
        assert_eq!(
            order(r#"{"name":"x","kind":{"link":"y"}}"#).unwrap().kind,
            Kind::Link("y".to_owned())
        );
        assert_eq!(
            order(r#"{"name":"x","kind":"plain"}"#).unwrap().kind,
            Kind::Plain
        );
    }

    #[test]
    fn an_array_is_no_object_wherever_it_stands() {
        let as_arrays = [
            r#"["x"]"#,
            r#"["x",1,[],{},"plain",null]"#,
            r#"{"name":"x","parts":[[1]]}"#,
            r#"{"name":"x","by_name":{"a":[1]}}"#,
            r#"{"name":"x","by_name":[["a",{"size":1}]]}"#,
            r#"{"name":"x","kind":{"boxed":[{"size":1}]}}"#,
            r#"{"name":"x","kind":{"boxed":{"part":[1]}}}"#,
        ];
        for text in as_arrays {
            let error = order(text).unwrap_err();
            assert_eq!(error.code, "invalid_json", "{text}");
        }
        assert!(
            serde_json::from_str::<Order>(as_arrays[1]).is_ok(),
            "serde itself takes an array for an object"
        );
        assert!(
            order(as_arrays[2])
                .unwrap_err()
                .message
                .contains("parts[0]"),
            "the error says where"
        );
    }

    #[test]
    fn what_is_unknown_missing_or_of_another_type_is_refused_by_its_name() {
        for (text, field, told) in [
            (
                "{}",
                "name",
                "the JSON is missing the required field 'name'",
            ),
            (
                r#"{"name":"x","parts":[{"size":1},{}]}"#,
                "parts[1].size",
                "required field 'parts[1].size'",
            ),
            (
                r#"{"name":"x","by_name":{"a":{}}}"#,
                "by_name.a.size",
                "required field 'by_name.a.size'",
            ),
            (
                r#"{"name":"x","odd":1}"#,
                "odd",
                "must be one of name, count, parts, by_name, kind, rest",
            ),
            (
                r#"{"name":7}"#,
                "name",
                "'name' in the JSON is a number, but must be a string",
            ),
            (
                r#"{"name":"x","count":"2"}"#,
                "count",
                "'count' in the JSON is a string, but must be a whole number",
            ),
            (r#"{"name":"x","count":-1}"#, "count", "'count' in the JSON"),
            (
                r#"{"name":"x","parts":null}"#,
                "parts",
                "'parts' in the JSON is null, but must be an array",
            ),
            (
                r#"{"name":"x","kind":"odd"}"#,
                "kind",
                "must be one of plain, link, boxed",
            ),
            (
                r#"{"name":"x","kind":{"link":"y","plain":1}}"#,
                "kind",
                "'kind' in the JSON",
            ),
        ] {
            let error = order(text).unwrap_err();

            assert_eq!(
                (error.code, error.field.as_deref()),
                ("invalid_json", Some(field)),
                "{text}"
            );
            assert!(error.message.contains(told), "{text}: {}", error.message);
        }
        let whole = order("[]").unwrap_err();
        assert_eq!(
            (whole.field, whole.message.as_str()),
            (None, "the JSON is an array, but must be an object")
        );
    }
}
