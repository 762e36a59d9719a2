//! Why a tree is not what is meant, and where: in words for people, and as the field's name for
//! programs.

use std::fmt;

use serde::de::{Error as SerdeError, Expected, Unexpected};

use crate::base::echo::echo;
use crate::base::error::Error;

/// What serde found amiss.
#[derive(Debug)]
pub(super) struct Unfit {
    /// From the root, such as `trust[0].keys`; empty for the whole.
    place: String,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Missing,
    /// The names that are taken in its place.
    Unknown(&'static [&'static str]),
    /// What it is, and what it must be.
    Mistyped(String),
    Other(String),
}

impl Unfit {
    /// The same, within a member of this name.
    pub(super) fn within(self, name: &str) -> Self {
        let name = echo(name);
        let place = match self.place.chars().next() {
            None => name,
            Some('[') => format!("{name}{}", self.place),
            Some(_) => format!("{name}.{}", self.place),
        };
        Self { place, ..self }
    }

    /// The same, within an item of a list.
    pub(super) fn within_item(self, n: usize) -> Self {
        self.within(&format!("[{n}]"))
    }

    fn at(place: &str, why: Why) -> Self {
        Self {
            place: echo(place),
            why,
        }
    }

    /// Kind `Invalid`, code `invalid_json`, naming the field unless it is the whole that does not
    /// fit.
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
            (Why::Missing, place) => write!(f, "the JSON lacks '{place}', which must be given"),
            (Why::Unknown([]), place) => {
                write!(f, "the JSON names '{place}', and nothing is taken there")
            }
            (Why::Unknown(known), place) => {
                write!(
                    f,
                    "the JSON names '{place}', which is not known; it must be one of {}",
                    known.join(", ")
                )
            }
            (Why::Mistyped(why), "") => write!(f, "the JSON is {why}"),
            (Why::Mistyped(why), place) => write!(f, "'{place}' in the JSON is {why}"),
            (Why::Other(why), "") => write!(f, "the JSON is not what is expected here: {why}"),
            (Why::Other(why), place) => write!(
                f,
                "'{place}' in the JSON is not what is expected here: {why}"
            ),
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
                "{}, and must be {}",
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
                "{} that is not taken, and must be {}",
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
                "'{}', and must be one of {}",
                echo(variant),
                expected.join(", ")
            )),
        )
    }

    fn missing_field(field: &'static str) -> Self {
        Self::at(field, Why::Missing)
    }
}

/// What serde expects, without the names of Rust's types.
fn plain(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "a text",
        "a sequence" => "an array",
        "a map" => "an object",
        "a boolean" => "true or false",
        other => other,
    }
}

/// What was found, in the words of JSON. A text is not repeated: it may be a secret.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Unexpected::Bool(true) => "true",
            Unexpected::Bool(false) => "false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Char(_) | Unexpected::Str(_) => "a text",
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "an array",
            Unexpected::Map => "an object",
            Unexpected::UnitVariant => "a name alone",
            Unexpected::Other(other) => other,
            _ => "something else",
        })
    }
}
