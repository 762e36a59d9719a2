//! From the short form of `models/*.json` to the provider's form.
//!
//! `inputs` names entries of `inputs.json`, or changes them: `{"seed": {"maximum": 9}}` replaces a
//! keyword, and `null` removes one. `makes` (one kind, several, or `{"object": kind}`) and
//! `charges` (the price of a model that lists none) are for the emulator alone; `schema` adds
//! keywords to the schema of a run. Everything else goes into the entry as it stands.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::outputs::Makes;

const FILES: [&str; 8] = [
    include_str!("models/pictures_from_pictures.json"),
    include_str!("models/pictures_from_text.json"),
    include_str!("models/videos.json"),
    include_str!("models/sounds.json"),
    include_str!("models/texts.json"),
    include_str!("models/meshes.json"),
    include_str!("models/trainings.json"),
    include_str!("models/odd.json"),
];
const SERVER: &str = "https://api.wavespeed.ai";

static INPUTS: LazyLock<Map<String, Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("inputs.json"))
        .expect("inputs.json is part of the source and is an object")
});

#[derive(Deserialize)]
struct Kind {
    makes: Makes,
    models: Vec<Declared>,
}

#[derive(Deserialize)]
struct Declared {
    model_id: String,
    required: Vec<String>,
    inputs: Vec<Value>,
    makes: Option<Makes>,
    charges: Option<f64>,
    #[serde(default)]
    formula: String,
    /// Percent.
    #[serde(default)]
    discount_rate: u32,
    #[serde(default)]
    schema: Map<String, Value>,
    #[serde(flatten)]
    shown: Map<String, Value>,
}

/// One model, and what only the emulator knows about it.
pub(super) struct Listed {
    pub(super) entry: Value,
    pub(super) makes: Makes,
    /// In dollars.
    pub(super) charges: Option<f64>,
}

pub(super) fn listed() -> Vec<Listed> {
    let kinds = FILES.map(|file| {
        serde_json::from_str::<Kind>(file).expect("the files of models are part of the source")
    });
    kinds.into_iter().flat_map(Kind::listed).collect()
}

impl Kind {
    fn listed(self) -> Vec<Listed> {
        let makes = self.makes;
        let listed = |model: Declared| Listed {
            makes: model.makes.clone().unwrap_or_else(|| makes.clone()),
            charges: model.charges,
            entry: model.entry(),
        };
        self.models.into_iter().map(listed).collect()
    }
}

impl Declared {
    fn entry(self) -> Value {
        let properties: Vec<(String, Value)> = self.inputs.iter().map(property).collect();
        let order: Vec<&str> = properties.iter().map(|(name, _)| name.as_str()).collect();
        let mut schema = json!({
            "type": "object",
            "required": self.required,
            "x-order-properties": order,
        });
        schema["properties"] = Value::Object(properties.into_iter().collect());
        let mut entry = json!({
            "model_id": self.model_id,
            "name": self.model_id,
            "formula": self.formula,
            "discount_rate": self.discount_rate,
        });
        for (name, value) in self.schema {
            schema[name] = value;
        }
        for (name, value) in self.shown {
            entry[name] = value;
        }
        let run = json!({
            "type": "model_run",
            "method": "POST",
            "server": SERVER,
            "api_path": format!("/api/v3/{}", self.model_id),
            "request_schema": schema,
        });
        entry["api_schema"] = json!({"api_schemas": [run]});
        entry
    }
}

/// The name and the schema of one input.
fn property(declared: &Value) -> (String, Value) {
    let (shared, changes) = match declared {
        Value::Object(change) => change.iter().next(),
        _ => None,
    }
    .map_or((declared.as_str().unwrap_or_default(), None), |change| {
        (change.0.as_str(), Some(change.1))
    });
    let Some(Value::Object(known)) = INPUTS.get(shared) else {
        return (
            shared.to_owned(),
            changes.cloned().expect("an input of its own has a schema"),
        );
    };
    let mut schema = known.clone();
    let name = schema.remove("name");
    let changes = changes.and_then(Value::as_object).into_iter().flatten();
    for (keyword, value) in changes {
        match value {
            Value::Null => schema.remove(keyword),
            value => schema.insert(keyword.clone(), value.clone()),
        };
    }
    let name = name.as_ref().and_then(Value::as_str).unwrap_or(shared);
    (name.to_owned(), Value::Object(schema))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_model_has_its_own_id_of_two_to_four_parts_and_declares_what_it_requires() {
        let listed = listed();
        let mut ids = BTreeSet::new();
        let mut parts = BTreeSet::new();
        for model in &listed {
            let id = model.entry["model_id"].as_str().unwrap();
            let schema = &model.entry["api_schema"]["api_schemas"][0]["request_schema"];
            for name in schema["required"].as_array().unwrap() {
                assert!(schema["properties"].get(name.as_str().unwrap()).is_some());
            }
            assert!(ids.insert(id), "{id} twice");
            parts.insert(id.split('/').count());
        }

        assert!(listed.len() >= 50, "{}", listed.len());
        assert_eq!(parts, BTreeSet::from([2, 3, 4]));
    }
}
