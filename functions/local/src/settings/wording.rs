//! Errors of settings in the words of whoever wrote them: flags, variables and the keys of a file
//! rather than a library's types.

use figment::Source;
use figment::error::Kind;
use fluxgate_core::nearest::nearest;

use super::BoundsSettings;
use crate::renamed::renamed;

/// What the provider's key may be called where no secret belongs.
const PROVIDER_KEY: [&str; 5] = [
    "wavespeed_api_key",
    "wavespeed_api_key_file",
    "provider_key",
    "provider_api_key",
    "api_key",
];
const KEY_HINT: &str = "the provider's key is in no file of settings and no flag: set the variable WAVESPEED_API_KEY, \
    or WAVESPEED_API_KEY_FILE to a file that has the key";

/// All errors in one line: what is wrong, and where.
pub(super) fn one_line(error: figment::Error) -> anyhow::Error {
    let text: Vec<String> = error.into_iter().map(|error| told(&error)).collect();
    anyhow::anyhow!("the settings are not valid: {}", text.join("; "))
}

fn told(error: &figment::Error) -> String {
    let text = match &error.kind {
        Kind::UnknownField(name, known) => return unknown(error, name, known),
        Kind::Message(text) => without_drawing(text),
        Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) => {
            format!("{found} is not {}", in_words(wanted))
        }
        _ => error.kind.to_string(),
    };
    match place(error, &error.path) {
        Some(place) => format!("{place}: {text}"),
        None => text,
    }
}

fn unknown(error: &figment::Error, name: &str, known: &[&str]) -> String {
    let mut path = error.path.clone();
    if path.last().is_none_or(|last| last != name) {
        path.push(name.to_owned());
    }
    let place = place(error, &path).unwrap_or_else(|| name.to_owned());
    let text = format!("{place}: there is no setting '{name}'");
    if let Some(now) = renamed(name) {
        return format!("{text}; it is called '{now}' now");
    }
    // Variables come in capitals, and flags with hyphens.
    let written = name.to_lowercase().replace('-', "_");
    if PROVIDER_KEY.contains(&written.as_str()) {
        return format!("{text}; {KEY_HINT}");
    }
    if path.len() == 1 && BoundsSettings::has(&written) {
        return match is_of_file(error) {
            true => format!("{text}; it belongs into [bounds]"),
            false => {
                let variable = written.to_uppercase();
                format!("{text}; it is a bound: FLUXGATE_BOUNDS__{variable}")
            }
        };
    }
    match nearest(&written, known.iter().copied()).first() {
        Some(near) => format!("{text}; write '{near}' if that is meant"),
        None => text,
    }
}

fn is_of_file(error: &figment::Error) -> bool {
    let metadata = error.metadata.as_ref();
    metadata.is_some_and(|metadata| matches!(metadata.source, Some(Source::File(_))))
}

/// In one line, without the lines in which the library draws where in the file it is.
fn without_drawing(text: &str) -> String {
    if !text.contains('\n') {
        return text.to_owned();
    }
    let is_drawn = |line: &&str| line.contains(" | ") || line.trim_end().ends_with('|');
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let said = said.filter(|line| !is_drawn(line) && !line.starts_with('|'));
    said.collect::<Vec<_>>().join(", ")
}

/// Where a setting was written, as whoever wrote it calls it.
fn place(error: &figment::Error, path: &[String]) -> Option<String> {
    let (dotted, metadata) = (path.join("."), error.metadata.as_ref()?);
    if path.is_empty() {
        return metadata.source.as_ref().map(ToString::to_string);
    }
    Some(match &metadata.source {
        Some(Source::File(file)) => format!("{dotted} in {}", file.display()),
        Some(_) => format!("--{}", dotted.replace('_', "-")),
        None => format!("FLUXGATE_{}", path.join("__").to_uppercase()),
    })
}

/// The library names types of the language.
fn in_words(wanted: &str) -> &str {
    match wanted {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number of at least 0",
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_library_draws_is_left_out() {
        let drawn = "TOML parse error at line 1, column 11\n  |\n1 | listen = [\n  |          ^\n\
                     invalid array\nexpected `]`\n";

        assert_eq!(
            without_drawing(drawn),
            "TOML parse error at line 1, column 11, invalid array, expected `]`"
        );
        assert_eq!(without_drawing("write a | b"), "write a | b");
    }
}
