//! The models that the emulator knows, in the provider's catalogue format, read once from
//! `catalogue.json`.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value};

/// One entry of the catalogue.
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) base_price_micro_usd: i64,
    is_priced_by_picture: bool,
    pub(crate) required: Vec<String>,
    pub(crate) properties: Map<String, Value>,
}

static ENTRIES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("catalogue.json"))
        .expect("catalogue.json is part of the source and is an array")
});

static MODELS: LazyLock<HashMap<&'static str, Model>> = LazyLock::new(|| {
    let id = |entry: &'static Value| {
        entry["model_id"]
            .as_str()
            .expect("each entry of catalogue.json has a model_id")
    };
    ENTRIES
        .iter()
        .map(|entry| (id(entry), Model::from_entry(entry)))
        .collect()
});

/// The catalogue as a bare array.
pub(crate) fn entries() -> Value {
    Value::Array(ENTRIES.clone())
}

pub(crate) fn model(id: &str) -> Option<&'static Model> {
    MODELS.get(id)
}

impl Model {
    fn from_entry(entry: &Value) -> Self {
        let schema = &entry["api_schema"]["api_schemas"][0]["request_schema"];
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let required = schema["required"].as_array().into_iter().flatten();
        Self {
            id: text("model_id"),
            kind: text("type"),
            base_price_micro_usd: micro_usd(entry["base_price"].as_f64().unwrap_or_default()),
            is_priced_by_picture: text("formula") == "unit_price * num_images",
            required: required
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
            properties: schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
        }
    }

    /// The number of pictures that a run with these inputs produces.
    pub(crate) fn pictures(&self, inputs: &Map<String, Value>) -> u64 {
        inputs
            .get("num_images")
            .and_then(Value::as_u64)
            .unwrap_or(1)
    }

    pub(crate) fn price_micro_usd(&self, inputs: &Map<String, Value>) -> i64 {
        let pictures = if self.is_priced_by_picture {
            self.pictures(inputs)
        } else {
            1
        };
        self.base_price_micro_usd * i64::try_from(pictures).unwrap_or(1)
    }

    pub(crate) fn defaults(&self) -> impl Iterator<Item = (String, Value)> {
        self.properties
            .iter()
            .filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())))
    }
}

fn micro_usd(usd: f64) -> i64 {
    (usd * 1e6).round() as i64
}
