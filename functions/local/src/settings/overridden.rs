//! Which keys of the settings file a variable wins over: a variable that was exported long ago is
//! easily forgotten.

use std::collections::BTreeMap;

use figment::{Figment, Provider};
use serde::Serialize;
use serde_json::Value;

/// A key of the file, and the variable that says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overridden {
    pub setting: String,
    pub variable: String,
}

/// Those that no flag overrides in turn. What cannot be read is told of elsewhere.
pub(super) fn overridden(
    file: impl Provider,
    environment: impl Provider,
    flags: impl Serialize,
) -> Vec<Overridden> {
    let (file, environment) = (leaves(file), leaves(environment));
    let flags = serde_json::to_value(flags).unwrap_or_default();
    let differs = |(name, said): &(&String, &String)| {
        let of_file = file.get(*name).is_some_and(|of_file| of_file != *said);
        of_file && flags.get(name.as_str()).is_none()
    };
    let won = environment.iter().filter(differs);
    won.map(|(name, _)| Overridden {
        setting: name.clone(),
        variable: format!("FLUXGATE_{}", name.replace('.', "__").to_uppercase()),
    })
    .collect()
}

/// Every value as text, by its dotted name; a list as variables have it.
fn leaves(provider: impl Provider) -> BTreeMap<String, String> {
    let mut leaves = BTreeMap::new();
    let values = Figment::from(provider).extract::<Value>();
    add("", values.unwrap_or_default(), &mut leaves);
    leaves
}

fn add(name: &str, value: Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(table) => {
            for (inner, value) in table {
                let dot = if name.is_empty() { "" } else { "." };
                add(&format!("{name}{dot}{inner}"), value, leaves);
            }
        }
        Value::Array(values) => {
            let texts: Vec<String> = values.into_iter().map(text).collect();
            leaves.insert(name.to_owned(), texts.join(","));
        }
        value => {
            leaves.insert(name.to_owned(), text(value));
        }
    }
}

fn text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use figment::providers::Serialized;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_variable_says_otherwise_is_told_unless_a_flag_says_it_again() {
        let file = json!({
            "data": "a", "listen": "127.0.0.1:1", "allow_net": ["10.0.0.0/8", "10.9.0.0/16"],
            "log": "info", "bounds": { "burst": 5, "body_bytes_max": 7 },
        });
        let environment = json!({
            "data": "b", "listen": "127.0.0.1:2", "allow_net": "10.0.0.0/8,10.9.0.0/16",
            "stop_max_ms": 5, "bounds": { "burst": "6", "body_bytes_max": 7 },
        });

        let won = overridden(
            Serialized::globals(file),
            Serialized::globals(environment),
            json!({ "listen": "127.0.0.1:3" }),
        );

        let told: Vec<_> = won.iter().map(|it| (&*it.setting, &*it.variable)).collect();
        assert_eq!(
            told,
            [
                ("bounds.burst", "FLUXGATE_BOUNDS__BURST"),
                ("data", "FLUXGATE_DATA")
            ]
        );
    }
}
