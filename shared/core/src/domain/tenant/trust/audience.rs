//! The audiences that a trust accepts.

use serde::{Deserialize, Serialize};

/// Values of which the token must name one. In JSON a string, a list of strings, or `null` for
/// tokens of any audience.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Audience(Vec<String>);

#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(untagged)]
#[schema(as = Audience)]
pub(super) enum Written {
    One(String),
    OneOf(Vec<String>),
    /// An explicit choice, possible only beside a claim that must match.
    Any,
}

impl Audience {
    pub const VALUES_MAX: usize = 16;

    pub fn one(value: &str) -> Self {
        Self(vec![value.to_owned()])
    }

    pub fn any() -> Self {
        Self(Vec::new())
    }

    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Empty if any is accepted.
    pub fn values(&self) -> &[String] {
        &self.0
    }

    /// False for a list without values, or with an empty one.
    pub(super) fn is_written_well(written: &Written) -> bool {
        match written {
            Written::One(value) => !value.is_empty(),
            Written::OneOf(values) => {
                (1..=Self::VALUES_MAX).contains(&values.len())
                    && values.iter().all(|value| !value.is_empty())
            }
            Written::Any => true,
        }
    }
}

impl From<Written> for Audience {
    fn from(written: Written) -> Self {
        match written {
            Written::One(value) => Self(vec![value]),
            Written::OneOf(values) => Self(values),
            Written::Any => Self::any(),
        }
    }
}

impl From<Audience> for Written {
    fn from(audience: Audience) -> Self {
        let mut values = audience.0;
        match values.len() {
            0 => Self::Any,
            1 => Self::One(values.remove(0)),
            _ => Self::OneOf(values),
        }
    }
}
