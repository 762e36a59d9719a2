//! Which models a key may run: one by its id, or all that begin alike.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::id::ModelId;

/// A model's id, or the beginning of one and `*`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelPattern(String);

/// Maximum length of a pattern: that of an id.
const BYTES_MAX: usize = 128;

impl ModelPattern {
    /// Maximum number of patterns of one key.
    pub const COUNT_MAX: usize = 10;

    /// Kind `Invalid` with code `invalid_key`, naming the field.
    pub fn parse(text: &str) -> Result<Self> {
        let is_valid = match text.strip_suffix('*') {
            None => ModelId::parse(text).is_ok(),
            Some(beginning) => {
                let is_part = |b: u8| b.is_ascii_alphanumeric() || b"-_./".contains(&b);
                text.len() <= BYTES_MAX
                    && beginning.contains('/')
                    && !beginning.starts_with('/')
                    && beginning.bytes().all(is_part)
            }
        };
        if is_valid {
            return Ok(Self(text.to_owned()));
        }
        let text = "a model is named by its id, such as 'wavespeed-ai/flux-dev', or by the beginning of one with the owner, such as 'wavespeed-ai/*'";
        Err(Error::invalid("invalid_key", text).field("models"))
    }

    pub fn matches(&self, model: &ModelId) -> bool {
        match self.0.strip_suffix('*') {
            None => self.0 == model.as_str(),
            Some(beginning) => model.as_str().starts_with(beginning),
        }
    }

    /// Whether every model that the other matches is matched.
    pub fn covers(&self, other: &Self) -> bool {
        match self.0.strip_suffix('*') {
            None => self == other,
            Some(beginning) => other.0.starts_with(beginning),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ModelPattern {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<ModelPattern> for String {
    fn from(pattern: ModelPattern) -> Self {
        pattern.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> ModelPattern {
        ModelPattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_matches_one_model_or_all_that_begin_alike() {
        let model = ModelId::parse("wavespeed-ai/flux-dev").unwrap();

        for (text, expected) in [
            ("wavespeed-ai/flux-dev", true),
            ("wavespeed-ai/*", true),
            ("wavespeed-ai/flux*", true),
            ("wavespeed-ai/flux", false),
            ("google/*", false),
        ] {
            let pattern = ModelPattern::parse(text);
            assert_eq!(
                pattern.is_ok_and(|it| it.matches(&model)),
                expected,
                "{text}"
            );
        }
        for text in ["", "*", "flux", "/*", "wavespeed-ai/*/x", "a b/*"] {
            assert_eq!(
                ModelPattern::parse(text).unwrap_err().code,
                "invalid_key",
                "{text}"
            );
        }
    }

    #[test]
    fn a_pattern_covers_what_matches_no_more_than_it() {
        assert!(pattern("a/*").covers(&pattern("a/b")));
        assert!(pattern("a/*").covers(&pattern("a/b*")));
        assert!(!pattern("a/b*").covers(&pattern("a/*")));
        assert!(!pattern("a/b").covers(&pattern("a/b*")));
        assert!(pattern("a/b").covers(&pattern("a/b")));
    }
}
