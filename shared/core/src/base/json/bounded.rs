//! Parses text into a tree, enforcing the bounds during parsing.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::JsonBounds;
use crate::base::echo::echo;
use crate::base::error::{Error, Result};

/// The reason for aborting the parse.
enum Refused {
    Keys,
    Items,
    Levels,
    Twice(String),
}

struct State {
    bounds: JsonBounds,
    keys: usize,
    items: usize,
    /// The first-level field being parsed.
    field: Option<String>,
    refused: Option<Refused>,
}

pub(super) fn read(bytes: &[u8], bounds: JsonBounds) -> Result<Value> {
    let mut state = State {
        bounds,
        keys: 0,
        items: 0,
        field: None,
        refused: None,
    };
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let read = json
        .deserialize_any(Node {
            state: &mut state,
            level: 0,
        })
        .and_then(|value| json.end().map(|()| value));
    read.map_err(|error| state.error(bytes, &error))
}

/// Describes an encoding error, if that is the problem. JSON is UTF-8, and no JSON text has a NUL
/// as its first or second byte.
fn encoding_fault(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Some("starts with a byte order mark; use UTF-8 without one");
    }
    let is_utf_16 = bytes.starts_with(b"\xfe\xff") || bytes.starts_with(b"\xff\xfe");
    if is_utf_16 || bytes.iter().take(2).any(|byte| *byte == 0) {
        return Some("appears to be UTF-16 or UTF-32; use UTF-8 without a byte order mark");
    }
    std::str::from_utf8(bytes)
        .err()
        .map(|_| "is not valid UTF-8; use UTF-8 without a byte order mark")
}

impl State {
    fn refuse<E: serde::de::Error>(&mut self, refused: Refused) -> E {
        self.refused = Some(refused);
        E::custom("refused")
    }

    fn error(self, bytes: &[u8], error: &serde_json::Error) -> Error {
        let JsonBounds {
            keys_max,
            items_max,
            levels_max,
        } = self.bounds;
        let too_complex = |what: String| {
            Error::invalid("json_too_complex", format!("the JSON has more than {what}"))
        };
        let error = match self.refused {
            Some(Refused::Keys) => too_complex(format!("{keys_max} keys in its objects")),
            Some(Refused::Items) => too_complex(format!("{items_max} items in its arrays")),
            Some(Refused::Levels) => {
                too_complex(format!("{levels_max} levels of objects and arrays"))
            }
            Some(Refused::Twice(name)) => Error::invalid(
                "invalid_json",
                format!("the JSON has the key '{}' twice in one object", echo(&name)),
            ),
            None => {
                let why = encoding_fault(bytes)
                    .map_or_else(|| format!("cannot be parsed: {error}"), str::to_owned);
                return Error::invalid("invalid_json", format!("the JSON {why}"));
            }
        };
        match self.field {
            Some(field) => error.field(echo(&field)),
            None => error,
        }
    }
}

/// A node of the tree at a nesting level.
struct Node<'a> {
    state: &'a mut State,
    level: usize,
}

impl Node<'_> {
    fn enter<E: serde::de::Error>(&mut self) -> std::result::Result<(), E> {
        self.level += 1;
        if self.level > self.state.bounds.levels_max {
            return Err(self.state.refuse(Refused::Levels));
        }
        Ok(())
    }

    fn inner(&mut self) -> Node<'_> {
        Node {
            state: self.state,
            level: self.level,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> std::result::Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> std::result::Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("a number is out of range"))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> std::result::Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(
        mut self,
        mut array: A,
    ) -> std::result::Result<Value, A::Error> {
        self.enter()?;
        let mut items = Vec::new();
        while let Some(item) = array.next_element_seed(self.inner())? {
            self.state.items += 1;
            if self.state.items > self.state.bounds.items_max {
                return Err(self.state.refuse(Refused::Items));
            }
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(
        mut self,
        mut object: A,
    ) -> std::result::Result<Value, A::Error> {
        self.enter()?;
        let mut members = Map::new();
        while let Some(name) = object.next_key::<String>()? {
            if self.level == 1 {
                self.state.field = Some(name.clone());
            }
            self.state.keys += 1;
            if self.state.keys > self.state.bounds.keys_max {
                return Err(self.state.refuse(Refused::Keys));
            }
            if members.contains_key(&name) {
                return Err(self.state.refuse(Refused::Twice(name)));
            }
            let member = object.next_value_seed(self.inner())?;
            members.insert(name, member);
        }
        Ok(Value::Object(members))
    }
}
