//! Short texts by name, which tenants attach to what is theirs and find it by.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::echo::echo;
use crate::base::error::{Error, Result};

/// A map of texts: at most 16 names, 512 bytes in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, String>);

impl Labels {
    pub const NAMES_MAX: usize = 16;
    /// Names and values together.
    pub const BYTES_MAX: usize = 512;
    const NAME_CHARS_MAX: usize = 64;

    /// Kind `Invalid`, saying which bound is passed.
    pub fn new(map: BTreeMap<String, String>) -> Result<Self> {
        let refused =
            |text: String| Err(Error::invalid("invalid_metadata", text).field("metadata"));
        if map.len() > Self::NAMES_MAX {
            let text = format!("{} names are given; {} fit", map.len(), Self::NAMES_MAX);
            return refused(text);
        }
        let is_name = |name: &str| {
            (1..=Self::NAME_CHARS_MAX).contains(&name.len())
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
        };
        if let Some(name) = map.keys().find(|name| !is_name(name)) {
            return refused(format!(
                "the name '{}' is not 1 to 64 letters, digits, '_', '-' and '.'",
                echo(name)
            ));
        }
        if let Some((name, _)) = map
            .iter()
            .find(|(_, value)| value.contains(char::is_control))
        {
            return refused(format!("the value of '{name}' holds control characters"));
        }
        let bytes: usize = map
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        if bytes > Self::BYTES_MAX {
            let text = format!(
                "names and values are {bytes} bytes; {} fit",
                Self::BYTES_MAX
            );
            return refused(text);
        }
        Ok(Self(map))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// True when each of these is there with the same value.
    pub fn include(&self, wanted: &Self) -> bool {
        wanted
            .0
            .iter()
            .all(|(name, value)| self.0.get(name) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Result<Labels> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Labels::new(pairs.collect())
    }

    #[test]
    fn labels_are_few_short_and_named_plainly() {
        assert!(labels(&[("customer.id", "ü 1"), ("a-b_c", "")]).is_ok());
        let long = "x".repeat(Labels::BYTES_MAX);
        for (pairs, why) in [
            (vec![("", "x")], "not 1 to 64"),
            (vec![("a b", "x")], "not 1 to 64"),
            (vec![("a", "x\r\ny")], "control characters"),
            (vec![("a", long.as_str())], "513 bytes; 512 fit"),
        ] {
            let error = labels(&pairs).unwrap_err();
            assert!(error.message.contains(why), "{}", error.message);
            assert_eq!(error.field.as_deref(), Some("metadata"));
        }
        let many = (0..17).map(|n| (format!("n{n}"), String::new())).collect();
        assert!(Labels::new(many).is_err());
    }

    #[test]
    fn labels_are_found_by_some_of_them() {
        let all = labels(&[("a", "1"), ("b", "2")]).unwrap();

        assert!(all.include(&labels(&[("b", "2")]).unwrap()));
        assert!(all.include(&Labels::default()));
        assert!(!all.include(&labels(&[("b", "3")]).unwrap()));
        assert!(!all.include(&labels(&[("c", "2")]).unwrap()));
    }
}
