//! How the keys of a tenant's outputs are made.

use serde::{Deserialize, Serialize};

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

/// The part of a key after the prefix, with names in braces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyTemplate(String);

/// What one output's key is made of.
#[derive(Debug, Clone, Copy)]
pub struct KeyParts<'a> {
    pub tenant: &'a str,
    pub created_at: Timestamp,
    pub task: &'a str,
    /// Index among the run's outputs, from 0.
    pub n: usize,
    /// Makes the key one of its own for each attempt; `None` where the store has conditional puts.
    pub attempt: Option<&'a str>,
    pub extension: &'a str,
}

/// The names that a template must have: without them two outputs would have one key.
const UNIQUE: [&str; 2] = ["{task}", "{n}"];
const NAMES: &str = "{tenant}, {date}, {year}, {month}, {day}, {task}, {n} and {ext}";

impl KeyTemplate {
    pub const BYTES_MAX: usize = 256;

    /// Fails with kind `Invalid`, code `invalid_key_template`.
    pub fn parse(text: &str) -> Result<Self> {
        let template = Self(text.to_owned());
        if text.len() > Self::BYTES_MAX || !template.sample().split('/').all(is_segment) {
            return Err(invalid(format!(
                "a key template must consist of segments of letters, digits, '-', '_', '.', '=' \
                 and the names {NAMES}, separated by '/', at most {} characters in all",
                Self::BYTES_MAX
            )));
        }
        match UNIQUE.iter().find(|name| !text.contains(*name)) {
            Some(name) => Err(invalid(format!(
                "a key template must contain {name}, or two outputs would have the same key"
            ))),
            None => Ok(template),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn fill(&self, parts: &KeyParts<'_>) -> String {
        let date = parts.created_at.date_path();
        let mut day = date.split('/');
        let mut next = || day.next().unwrap_or_default();
        let (year, month, day) = (next(), next(), next());
        let n = match parts.attempt {
            Some(attempt) => format!("{}-{attempt}", parts.n),
            None => parts.n.to_string(),
        };
        // No value contains a brace, so the order does not matter.
        self.0
            .replace("{tenant}", parts.tenant)
            .replace("{date}", &date)
            .replace("{year}", year)
            .replace("{month}", month)
            .replace("{day}", day)
            .replace("{task}", parts.task)
            .replace("{n}", &n)
            .replace("{ext}", parts.extension)
    }

    fn sample(&self) -> String {
        self.fill(&KeyParts {
            tenant: "t",
            created_at: Timestamp(0),
            task: "t",
            n: 0,
            attempt: None,
            extension: "e",
        })
    }
}

/// `{yyyy}/{mm}/{dd}/{task}/{n}.{ext}`.
impl Default for KeyTemplate {
    fn default() -> Self {
        Self("{date}/{task}/{n}.{ext}".to_owned())
    }
}

/// True for one part of a key that every store and every URL takes as it is.
pub fn is_segment(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && part
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'='))
}

fn invalid(text: String) -> Error {
    Error::invalid("invalid_key_template", text).field("key_template")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(attempt: Option<&'static str>) -> KeyParts<'static> {
        KeyParts {
            tenant: "acme",
            created_at: Timestamp(1_788_048_000_000),
            task: "0190a1",
            n: 2,
            attempt,
            extension: "png",
        }
    }

    #[test]
    fn a_template_s_names_are_filled_in() {
        let all = "{tenant}/{year}-{month}-{day}/{date}/{task}_{n}.{ext}";

        let filled = KeyTemplate::parse(all).unwrap().fill(&parts(None));

        assert_eq!(filled, "acme/2026-08-30/2026/08/30/0190a1_2.png");
        assert_eq!(
            KeyTemplate::default().fill(&parts(Some("7f"))),
            "2026/08/30/0190a1/2-7f.png"
        );
        assert!(KeyTemplate::parse(KeyTemplate::default().as_str()).is_ok());
    }

    #[test]
    fn a_template_that_would_give_two_outputs_one_key_or_odd_keys_is_refused() {
        for (template, told) in [
            ("{date}/{n}.{ext}", "{task}"),
            ("{task}.{ext}", "{n}"),
            ("{task}/{n}/{model}", "{tenant}"),
            ("/{task}/{n}", "separated"),
            ("{task}//{n}", "separated"),
            ("../{task}/{n}", "separated"),
            ("{task}/{n} .png", "letters"),
            ("", "separated"),
        ] {
            let error = KeyTemplate::parse(template).unwrap_err();

            assert_eq!(error.code, "invalid_key_template", "{template}");
            assert!(error.message.contains(told), "{template}: {error}");
        }
        let long = format!("{{task}}/{{n}}/{}", "a".repeat(256));
        assert!(KeyTemplate::parse(&long).is_err());
    }
}
