//! The models on offer, read once from `models.json`: the one place that knows their parameters and prices.

mod inputs;

use std::sync::LazyLock;

use serde_json::{Map, Value};

pub(crate) use inputs::{InvalidInput, accept};

#[derive(Debug)]
pub(crate) struct Catalogue {
    /// As `GET /models` answers it.
    pub(crate) entries: Value,
    models: Vec<Model>,
}

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) base_price_micro_usd: i64,
    formula: String,
    required: Vec<String>,
    properties: Map<String, Value>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let entries: Value = serde_json::from_str(include_str!("models.json")).expect("the catalogue in this crate is JSON");
    let models = entries.as_array().into_iter().flatten().map(Model::read).collect();
    Catalogue { entries, models }
});

pub(crate) fn catalogue() -> &'static Catalogue {
    &CATALOGUE
}

pub(crate) fn model(id: &str) -> Option<&'static Model> {
    CATALOGUE.models.iter().find(|model| model.id == id)
}

impl Model {
    fn read(entry: &Value) -> Self {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let schema = &entry["api_schema"]["api_schemas"][0]["request_schema"];
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        #[expect(clippy::cast_possible_truncation, reason = "a price of a few cents is far inside an i64 of micro-dollars")]
        let base_price_micro_usd = (entry["base_price"].as_f64().unwrap_or_default() * 1e6).round() as i64;
        Self {
            id: text("model_id"),
            kind: text("type"),
            base_price_micro_usd,
            formula: text("formula"),
            required: required.map(str::to_owned).collect(),
            properties: schema["properties"].as_object().cloned().unwrap_or_default(),
        }
    }

    pub(crate) fn declares(&self, input: &str) -> bool {
        self.properties.contains_key(input)
    }

    /// `base_price` times the inputs that the formula names; a missing one counts as its default.
    pub(crate) fn price_micro_usd(&self, inputs: &Map<String, Value>) -> i64 {
        let drivers = self.formula.split('*').map(str::trim).filter(|factor| *factor != "base_price");
        drivers.fold(self.base_price_micro_usd, |price, driver| {
            let given = inputs.get(driver).or_else(|| self.properties.get(driver)?.get("default"));
            price * given.and_then(Value::as_i64).unwrap_or(1).max(1)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_entry_says_that_it_is_not_the_model() {
        let entries = catalogue().entries.as_array().unwrap();

        assert_eq!(entries.len(), 5);
        for entry in entries {
            assert!(entry["description"].as_str().unwrap().contains("NOT the model"), "{entry}");
        }
    }

    #[test]
    fn the_price_follows_the_inputs_that_its_formula_names() {
        let price = |id: &str, inputs: Value| model(id).unwrap().price_micro_usd(inputs.as_object().unwrap());

        assert_eq!(price("wavespeed-ai/flux-kontext-max", json!({"num_images": 3})), 80_000);
        assert_eq!(price("wavespeed-ai/flux-dev", json!({})), 12_000);
        assert_eq!(price("wavespeed-ai/flux-dev", json!({"num_images": 3})), 36_000);
    }
}
