//! The pictures of a batch of edits: one on each line, as a name or as an object.

use std::path::Path;

use anyhow::{Context as _, Result};
use fluxgate_core::json::{self, JsonBounds};
use serde::Deserialize;
use serde_json::{Value, json};

use super::line_error;

/// What one line asks for.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Item {
    pub(super) image: String,
    prompt: Option<String>,
    seed: Option<i64>,
    reference: Option<String>,
}

/// What all lines have that do not say otherwise.
pub(super) struct Defaults<'a> {
    pub(super) model: &'a str,
    pub(super) prompt: Option<&'a str>,
    pub(super) seed: Option<i64>,
}

/// Blank lines are left out. Fails for a line that is no picture, or that has no prompt.
pub(super) fn items(file: &Path, text: &str, defaults: &Defaults<'_>) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let item = if line.starts_with('{') {
            json::read(line.as_bytes(), JsonBounds::REQUEST)
                .with_context(|| format!("{} line {}", file.display(), n + 1))?
        } else {
            Item {
                image: line.to_owned(),
                prompt: None,
                seed: None,
                reference: None,
            }
        };
        if item.prompt.is_none() && defaults.prompt.is_none() {
            line_error(file, n + 1, "it has no prompt; give one for all lines")?;
        }
        if !is_url(&item.image) && !Path::new(&item.image).is_file() {
            line_error(file, n + 1, &format!("there is no picture {}", item.image))?;
        }
        items.push(item);
    }
    Ok(items)
}

pub(super) fn is_url(image: &str) -> bool {
    image.starts_with("https://") || image.starts_with("http://")
}

impl Item {
    /// A line of the batch.
    pub(super) fn line(&self, url: &str, defaults: &Defaults<'_>) -> Value {
        let prompt = self.prompt.as_deref().or(defaults.prompt);
        let mut input = json!({ "prompt": prompt, "image": url });
        if let Some(seed) = self.seed.or(defaults.seed) {
            input["seed"] = seed.into();
        }
        let mut line = json!({ "model": defaults.model, "input": input });
        if let Some(reference) = &self.reference {
            line["reference"] = reference.as_str().into();
        }
        line
    }

    /// The picture's name, for the file of its output.
    pub(super) fn stem(&self) -> String {
        let path = self.image.split(['?', '#']).next().unwrap_or_default();
        let stem = Path::new(path).file_stem().unwrap_or_default();
        let plain = |c: char| {
            if c.is_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        };
        let stem: String = stem.to_string_lossy().chars().take(60).map(plain).collect();
        if stem.is_empty() {
            "picture".to_owned()
        } else {
            stem
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: Defaults<'_> = Defaults {
        model: "a/b",
        prompt: Some("sketch"),
        seed: None,
    };

    #[test]
    fn a_line_is_a_picture_or_an_object() {
        let text = "https://h/a b.png?x\n\n{\"image\":\"http://h/c\",\"prompt\":\"p\",\"seed\":1,\"reference\":\"r\"}\n";

        let items = items(Path::new("f"), text, &DEFAULTS).unwrap();

        let lines: Vec<Value> = items.iter().map(|it| it.line("u", &DEFAULTS)).collect();
        let first = json!({ "model": "a/b", "input": { "prompt": "sketch", "image": "u" } });
        let input = json!({ "prompt": "p", "image": "u", "seed": 1 });
        let second = json!({ "model": "a/b", "input": input, "reference": "r" });
        assert_eq!(lines, [first, second]);
        assert_eq!(items[0].stem(), "a_b");
    }

    #[test]
    fn what_cannot_be_edited_is_named_by_its_line() {
        let none = Defaults {
            prompt: None,
            ..DEFAULTS
        };
        for (text, defaults, wanted) in [
            ("\nhttps://h/a", &none, "f line 2: it has no prompt"),
            ("no-such-file", &DEFAULTS, "f line 1: there is no picture"),
            ("{\"image\":5}", &DEFAULTS, "f line 1"),
        ] {
            let error = format!("{:#}", items(Path::new("f"), text, defaults).unwrap_err());
            assert!(error.contains(wanted), "{error}");
        }
    }
}
