//! Where in a token's claims a value is, and what may stand there.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::error::{Error, Result};

/// A claim's name or, if it begins with `/`, a JSON Pointer into the claims (RFC 6901): `org`,
/// `/o/id`, `/https:~1~1acme.example~1org`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimPath(Vec<String>);

/// Why a value of the claims does not say what a trust asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfit {
    /// There is nothing at the path.
    Missing,
    /// Something that is neither text nor a whole number nor a list: this kind of value.
    Kind(&'static str),
    /// Text, a whole number or a list, but not the wanted one.
    Different,
}

impl ClaimPath {
    pub const BYTES_MAX: usize = 512;
    const LEVELS_MAX: usize = 16;

    /// Kind `Invalid` with code `invalid_trust` for what is no pointer, empty or too long.
    pub fn parse(text: &str) -> Result<Self> {
        let bad = |why: &str| Err(Error::invalid("invalid_trust", format!("a claim's {why}")));
        if text.is_empty() {
            return bad("name is empty; write its name, or a JSON Pointer such as '/o/id'");
        }
        if text.len() > Self::BYTES_MAX || text.contains(char::is_control) {
            return bad("name may have at most 512 bytes and no control characters");
        }
        let Some(pointer) = text.strip_prefix('/') else {
            return Ok(Self(vec![text.to_owned()]));
        };
        let parts: Option<Vec<String>> = pointer.split('/').map(unescaped).collect();
        match parts {
            Some(parts) if parts.len() <= Self::LEVELS_MAX => Ok(Self(parts)),
            Some(_) => bad("pointer may have at most 16 parts"),
            None => bad("pointer has a '~' that is not part of '~0' or '~1' (RFC 6901, section 3)"),
        }
    }

    /// The name of a claim of the first level.
    pub fn named(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// As a JSON Pointer.
    pub fn pointer(&self) -> String {
        self.0
            .iter()
            .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
            .collect()
    }

    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter()
            .try_fold(claims.get(first)?, |value, part| match value {
                Value::Object(object) => object.get(part),
                Value::Array(list) => list.get(index(part)?),
                _ => None,
            })
    }

    /// Whether the value is this one, as text or as a whole number, or a list that contains it.
    pub fn check(
        &self,
        claims: &Map<String, Value>,
        wanted: &str,
    ) -> std::result::Result<(), Unfit> {
        let says = |value: &Value| said(value).is_some_and(|text| text == wanted);
        let found = match self.find(claims) {
            Some(Value::Array(list)) => list.iter().any(says),
            found => found.is_some_and(says),
        };
        if found {
            Ok(())
        } else {
            Err(self.unfit(claims))
        }
    }

    /// Why no value of the claims is the wanted one, where none is.
    pub fn unfit(&self, claims: &Map<String, Value>) -> Unfit {
        match self.find(claims) {
            None | Some(Value::Null) => Unfit::Missing,
            Some(value) if value.is_array() || said(value).is_some() => Unfit::Different,
            Some(value) => Unfit::Kind(kind(value)),
        }
    }

    /// Every text and whole number at the path, alone or in a list.
    pub fn values(&self, claims: &Map<String, Value>) -> Vec<String> {
        match self.find(claims) {
            Some(Value::Array(list)) => list.iter().filter_map(said).collect(),
            Some(value) => said(value).into_iter().collect(),
            None => Vec::new(),
        }
    }
}

/// A name is shown as it is known, a path below the first level as a pointer.
impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [name] if !name.starts_with('/') && !name.is_empty() => f.write_str(name),
            _ => f.write_str(&self.pointer()),
        }
    }
}

impl From<ClaimPath> for String {
    fn from(path: ClaimPath) -> Self {
        path.to_string()
    }
}

impl TryFrom<String> for ClaimPath {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

/// RFC 6901, section 4.
fn unescaped(part: &str) -> Option<String> {
    let is_whole = part
        .split('~')
        .skip(1)
        .all(|rest| rest.starts_with(['0', '1']));
    is_whole.then(|| part.replace("~1", "/").replace("~0", "~"))
}

/// RFC 6901, section 4: no sign, and no leading zero.
fn index(part: &str) -> Option<usize> {
    let is_index = part.bytes().all(|byte| byte.is_ascii_digit());
    let is_index = is_index && (part == "0" || !part.starts_with('0'));
    is_index.then(|| part.parse().ok()).flatten()
}

/// A fraction is no name of anything, and JSON's numbers beyond 64 bits lose digits.
fn said(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "an object",
        Value::Bool(_) => "true or false",
        _ => "a fraction or a number of more than 64 bits",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            _ => Map::new(),
        }
    }

    fn path(text: &str) -> ClaimPath {
        ClaimPath::parse(text).unwrap()
    }

    #[test]
    fn a_path_is_a_name_or_a_pointer_and_is_written_as_the_shorter_of_both() {
        let claims = claims(json!({
            "org": "a", "https://acme.example/org": "b", "o": {"id": "c"}, "list": [{"id": "d"}],
            "": {"": "e"}, "a~b": "f", "/odd": "g",
        }));

        for (written, shown, value) in [
            ("org", "org", "a"),
            ("/org", "org", "a"),
            ("https://acme.example/org", "https://acme.example/org", "b"),
            (
                "/https:~1~1acme.example~1org",
                "https://acme.example/org",
                "b",
            ),
            ("/o/id", "/o/id", "c"),
            ("/list/0/id", "/list/0/id", "d"),
            ("//", "//", "e"),
            ("/a~0b", "a~b", "f"),
            ("/~1odd", "/~1odd", "g"),
        ] {
            let path = path(written);
            assert_eq!(path.find(&claims), Some(&json!(value)), "{written}");
            assert_eq!(path.to_string(), shown);
            assert_eq!(ClaimPath::parse(&path.to_string()).unwrap(), path);
        }
        for nowhere in [
            "o",
            "/o/id/x",
            "/list/00/id",
            "/list/+0/id",
            "/list/1/id",
            "/list/-",
        ] {
            let found = path(nowhere).check(&claims, "a");
            assert!(found.is_err(), "{nowhere}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "",
            "/a~",
            "/a~2b",
            "/~",
            "a\nb",
            &"/a".repeat(17),
            &"x".repeat(513),
        ] {
            assert_eq!(
                ClaimPath::parse(text).unwrap_err().code,
                "invalid_trust",
                "{text}"
            );
        }
    }

    #[test]
    fn text_whole_numbers_and_lists_of_them_say_a_value_and_nothing_else_does() {
        let check = |value: Value| path("/x").check(&claims(json!({ "x": value })), "42");

        for says in [
            json!("42"),
            json!(42),
            json!(["a", "42"]),
            json!([42, {"a": 1}]),
        ] {
            assert_eq!(check(says.clone()), Ok(()), "{says}");
        }
        for other in [
            json!("43"),
            json!(""),
            json!([]),
            json!(["4", "2"]),
            json!([["42"]]),
        ] {
            assert_eq!(check(other.clone()), Err(Unfit::Different), "{other}");
        }
        assert_eq!(check(json!(null)), Err(Unfit::Missing));
        assert_eq!(check(json!({"42": 42})), Err(Unfit::Kind("an object")));
        for odd in [json!(true), json!(42.0), json!(1e300)] {
            assert!(matches!(check(odd), Err(Unfit::Kind(_))));
        }
        assert_eq!(
            path("/x/y").check(&claims(json!({"x": "42"})), "42"),
            Err(Unfit::Missing)
        );
    }
}
