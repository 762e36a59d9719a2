//! One model as the emulator runs it.

use serde_json::{Map, Value};

use super::formula;
use super::source::Listed;
use crate::outputs::Makes;

pub(crate) struct Model {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) base_price_micro_usd: i64,
    pub(crate) required: Vec<String>,
    pub(crate) properties: Map<String, Value>,
    /// The names of the properties, in the order of the provider's page.
    pub(crate) order: Vec<String>,
    pub(crate) makes: Makes,
    formula: String,
    /// Percent.
    discount_rate: f64,
}

/// What a run costs, without and with the model's discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Price {
    pub(crate) listed_micro_usd: i64,
    pub(crate) charged_micro_usd: i64,
}

impl Model {
    pub(super) fn new(listed: &Listed) -> Self {
        let entry = &listed.entry;
        let schema = &entry["api_schema"]["api_schemas"][0]["request_schema"];
        let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let names = |key: &str| {
            let names = schema[key].as_array().into_iter().flatten();
            names.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let price = &entry["base_price"];
        let written = price.as_str().and_then(|text| text.parse().ok());
        let usd = price.as_f64().or(written).or(listed.charges);
        Self {
            id: text("model_id"),
            kind: text("type"),
            base_price_micro_usd: micro_usd(usd.unwrap_or_default()),
            required: names("required"),
            order: names("x-order-properties"),
            properties: schema["properties"]
                .as_object()
                .cloned()
                .unwrap_or_default(),
            makes: listed.makes.clone(),
            formula: text("formula"),
            discount_rate: entry["discount_rate"].as_f64().unwrap_or_default(),
        }
    }

    /// A formula over inputs that are not given uses their defaults, and where there are none the
    /// base price stands.
    pub(crate) fn price(&self, inputs: &Map<String, Value>) -> Price {
        let base = self.base_price_micro_usd as f64;
        let variable = |name: &str| match name {
            "base_price" | "unit_price" => Some(Value::from(base)),
            name => inputs
                .get(name)
                .or_else(|| self.properties.get(name)?.get("default"))
                .cloned(),
        };
        let listed = formula::evaluate(&self.formula, &variable).unwrap_or(base);
        let charged = listed * (100.0 - self.discount_rate) / 100.0;
        Price {
            listed_micro_usd: listed.round().max(0.0) as i64,
            charged_micro_usd: charged.round().max(0.0) as i64,
        }
    }

    pub(crate) fn defaults(&self) -> impl Iterator<Item = (String, Value)> {
        self.properties
            .iter()
            .filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())))
            .filter(|(_, default)| !default.is_null())
    }
}

fn micro_usd(usd: f64) -> i64 {
    (usd * 1e6).round() as i64
}
