//! What the catalogue says of a model's price: enough to know whether the provider has to be asked,
//! and which inputs its answer depends on.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::formula::{Formula, default_of, is_base};
use super::lenient::Fields;
use crate::base::digest::{RunningSha256, Sha256, update_json};
use crate::domain::money::MicroUsd;

/// Entries with one of these have prices that no formula tells.
const TIERS: [&str; 3] = ["tiers", "price_tiers", "pricing_tiers"];
/// The provider does not document its unit.
const DISCOUNT: &str = "discount_rate";

#[derive(Debug)]
pub(super) struct Pricing {
    pub(super) base: Option<MicroUsd>,
    formula: Option<Formula>,
    drivers: Drivers,
    /// Then neither the base price nor the formula tells what is charged, only a quote does.
    is_discounted: bool,
    /// The entry's own words, for an answer to hold only while they do.
    words: Value,
}

/// The inputs that the price depends on.
#[derive(Debug, PartialEq, Eq)]
enum Drivers {
    Inputs(BTreeSet<String>),
    /// Nobody can say which.
    Any,
}

impl Pricing {
    pub(super) fn of(entry: &Value, declared: Option<&Map<String, Value>>) -> Self {
        let fields = Fields::of(entry);
        let base = fields
            .and_then(|fields| fields.number(&["base_price"]))
            .and_then(MicroUsd::from_usd);
        let formula = entry.get("formula").filter(|formula| !is_none(formula));
        let tiers = fields.and_then(|fields| fields.fullest(&TIERS));
        let has_tiers = tiers.is_some_and(|tiers| !is_none(tiers));
        let read = formula.and_then(Value::as_str).map(Formula::read);
        let drivers = match (formula, &read) {
            _ if base.is_none() || has_tiers => None,
            (None, _) => Some(BTreeSet::new()),
            (Some(_), Some(read)) => declared.and_then(|declared| read.inputs(declared)),
            (Some(_), None) => None,
        };
        let words = [
            "base_price",
            DISCOUNT,
            "formula",
            "tiers",
            "price_tiers",
            "pricing_tiers",
        ];
        Self {
            base,
            formula: read.filter(|_| drivers.is_some()),
            drivers: drivers.map_or(Drivers::Any, Drivers::Inputs),
            is_discounted: entry.get(DISCOUNT).is_some_and(is_discount),
            words: words.iter().map(|name| entry.get(*name).cloned()).collect(),
        }
    }

    /// True if the price may depend on this input.
    pub(super) fn depends_on(&self, input: &str) -> bool {
        match &self.drivers {
            Drivers::Inputs(names) => names.contains(input),
            Drivers::Any => true,
        }
    }

    /// What a run costs before any input changes that, where the entry itself tells it.
    pub(super) fn least(&self) -> Option<MicroUsd> {
        self.base.filter(|_| !self.is_discounted)
    }

    /// The price of a run with these inputs where the entry itself tells it: it has no discount,
    /// and there is no formula, or it is made of the base price and of the defaults of inputs that
    /// are not given.
    pub(super) fn told(
        &self,
        inputs: &Map<String, Value>,
        declared: Option<&Map<String, Value>>,
    ) -> Option<MicroUsd> {
        let Drivers::Inputs(names) = &self.drivers else {
            return None;
        };
        let base = self.least()?;
        let Some(formula) = &self.formula else {
            return Some(base);
        };
        if names.iter().any(|name| given(inputs, name).is_some()) {
            return None;
        }
        let usd = formula.value(|name| match declared?.get(name) {
            Some(property) => default_of(property),
            None => is_base(name).then(|| base.usd()),
        });
        MicroUsd::from_usd(usd?)
    }

    /// Equal for runs that cost the same, as far as the entry says.
    pub(super) fn digest(&self, running: &mut RunningSha256, inputs: &Map<String, Value>) {
        update_json(running, &self.words);
        let given = inputs
            .iter()
            .filter(|(name, value)| !value.is_null() && self.depends_on(name));
        let given: Map<String, Value> = given
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        update_json(running, &Value::Object(given));
    }

    pub(super) fn is_as(&self, other: &Self) -> bool {
        self.words == other.words
    }
}

/// Names the runs of one model that cost the same.
pub type QuoteKey = Sha256;

fn given<'a>(inputs: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    inputs.get(name).filter(|value| !value.is_null())
}

/// A rate that cannot be read may be one.
fn is_discount(rate: &Value) -> bool {
    let zero = match rate {
        Value::Number(rate) => rate.as_f64(),
        Value::String(rate) => rate.trim().parse().ok(),
        _ => None,
    };
    zero != Some(0.0) && !is_none(rate)
}

fn is_none(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
#[path = "pricing_tests.rs"]
mod tests;
