//! Why a tree does not fit the expected type, and where: as a message for people, and as a field
//! path for programs.

use std::fmt;

use serde::de::{Error as SerdeError, Expected, Unexpected};

use crate::base::echo::echo;
use crate::base::error::Error;

/// A mismatch reported by serde.
#[derive(Debug)]
pub(super) struct Unfit {
    /// Path from the root, such as `trust[0].keys`; empty for the root itself.
    place: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Missing,
    /// The keys that are allowed in its place.
    Unknown(&'static [&'static str]),
    /// The actual and the expected type.
    Mistyped(String),
    Other(String),
}

impl Unfit {
    /// Prefixes the path with a member's name.
    pub(super) fn within(self, name: &str) -> Self {
        let name = echo(name);
        let place = match self.place.chars().next() {
            None => name,
            Some('[') => format!("{name}{}", self.place),
            Some(_) => format!("{name}.{}", self.place),
        };
        Self { place, ..self }
    }

    /// Prefixes the path with an array index.
    pub(super) fn within_item(self, n: usize) -> Self {
        self.within(&format!("[{n}]"))
    }

    fn at(place: &str, why: Why) -> Self {
        Self {
            place: echo(place),
            why,
        }
    }

    /// Kind `Invalid`, code `invalid_json`, naming the field unless the root does not fit.
    pub(super) fn error(self) -> Error {
        let error = Error::invalid("invalid_json", self.to_string());
        if self.place.is_empty() {
            error
        } else {
            error.field(self.place)
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, why } = self;
        match (why, place.as_str()) {
            (Why::Missing, place) => write!(f, "the JSON is missing the required field '{place}'"),
            (Why::Unknown([]), place) => {
                write!(
                    f,
                    "the JSON has the unknown field '{place}'; no fields are allowed there"
                )
            }
            (Why::Unknown(known), place) => {
                write!(
                    f,
                    "the JSON has the unknown field '{place}'; it must be one of {}",
                    known.join(", ")
                )
            }
            (Why::Mistyped(why), "") => write!(f, "the JSON is {why}"),
            (Why::Mistyped(why), place) => write!(f, "'{place}' in the JSON is {why}"),
            (Why::Other(why), "") => write!(f, "the JSON is not valid here: {why}"),
            (Why::Other(why), place) => write!(f, "'{place}' in the JSON is not valid: {why}"),
        }
    }
}

impl std::error::Error for Unfit {}

impl SerdeError for Unfit {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self::at("", Why::Other(why.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Self::at(
            "",
            Why::Mistyped(format!(
                "{}, but must be {}",
                Found(found),
                plain(&expected)
            )),
        )
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        Self::at(
            "",
            Why::Mistyped(format!(
                "{} that is not allowed here; it must be {}",
                Found(found),
                plain(&expected)
            )),
        )
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::at(field, Why::Unknown(expected))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::at(
            "",
            Why::Mistyped(format!(
                "'{}', but must be one of {}",
                echo(variant),
                expected.join(", ")
            )),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::at(field, Why::Missing)
    }
}

/// What serde expects, without Rust's type names.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of 0 or more",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a sequence" => "an array",
        "a map" => "an object",
        "a boolean" => "true or false",
        other => other,
    }
}

/// What was found, in JSON terms. A string's value is not repeated, since it may be a secret.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unexpected::Bool(true) => "true",
            Unexpected::Bool(false) => "false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Char(_) | Unexpected::Str(_) => "a string",
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "an array",
            Unexpected::Map => "an object",
            Unexpected::UnitVariant => "a plain string",
            Unexpected::Other(other) => other,
            _ => "something else",
        })
    }
}
