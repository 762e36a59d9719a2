//! The catalogue as one tenant sees it: the models it may use, at its own prices, without revealing
//! what they cost at the provider.

use serde_json::{Map, Value, json};

use crate::base::id::ModelId;
use crate::domain::money::{MicroUsd, Price, PriceBook, Unlisted};
use crate::domain::provider::Catalogue;

/// Replaces a formula that would reveal the provider's own prices: the price of a run is then
/// available only as a quote.
const BY_QUOTE: &str = "quote";

/// The entries of runnable models that the book allows, in the provider's order, one at a time;
/// each says to submit at `base_url`.
pub fn entries<'a>(
    catalogue: &'a Catalogue,
    book: &'a PriceBook,
    base_url: &'a str,
) -> impl Iterator<Item = Value> + 'a {
    let entries = catalogue.raw().iter();
    entries.filter_map(move |entry| priced(catalogue, book, base_url, entry))
}

/// The type of a model, and the least that a run costs now, as far as the book allows it; no amount
/// if only a quote tells it.
pub fn summary(
    catalogue: &Catalogue,
    book: &PriceBook,
    id: &ModelId,
) -> Option<(String, Option<MicroUsd>)> {
    let model = catalogue.model(id).ok()?;
    let price = least(terms(book, id)?, model.least_price())?;
    let is_it = |entry: &&Value| entry.get("model_id").and_then(Value::as_str) == Some(id.as_str());
    let entry = catalogue.raw().iter().find(is_it)?;
    let kind = entry.get("type").and_then(Value::as_str);
    Some((kind.unwrap_or_default().to_owned(), price))
}

fn priced(catalogue: &Catalogue, book: &PriceBook, base_url: &str, entry: &Value) -> Option<Value> {
    let id = ModelId::parse(entry.get("model_id")?.as_str()?).ok()?;
    let model = catalogue.model(&id).ok()?;
    let price = terms(book, &id)?;
    let least = least(price, model.least_price())?;
    let entry = entry.as_object()?;
    let mut shown: Map<String, Value> = entry
        .iter()
        .filter(|(name, _)| !tells_a_price(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let formula = match (least, entry.get("formula")) {
        (None, _) => Some(BY_QUOTE),
        (_, Some(Value::String(text))) => Some(formula(price, text)),
        (_, None | Some(Value::Null)) => None,
        (_, Some(_)) => Some(formula(price, "$")),
    };
    // Left out rather than null, which the provider's command line cannot show.
    if let Some(least) = least {
        shown.insert("base_price".to_owned(), json!(least.usd()));
    }
    if let Some(formula) = formula {
        shown.insert("formula".to_owned(), json!(formula));
    }
    if entry.contains_key("discount_rate") {
        shown.insert("discount_rate".to_owned(), json!(0));
    }
    if let Some(schemas) = shown.get_mut("api_schema") {
        submit_here(schemas, &id, base_url);
    }
    Some(Value::Object(shown))
}

/// A client that follows the catalogue must not call the provider, which does not know its token.
fn submit_here(api_schema: &mut Value, id: &ModelId, base_url: &str) {
    let schemas = api_schema
        .get_mut("api_schemas")
        .and_then(Value::as_array_mut);
    for schema in schemas
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
    {
        schema.insert("server".to_owned(), json!(base_url));
        schema.insert("api_path".to_owned(), json!(format!("/api/v3/{id}")));
    }
}

/// The least that a run costs; no amount if only a quote tells it. `None` if there can be no such
/// price.
fn least(price: Price, cost: Option<MicroUsd>) -> Option<Option<MicroUsd>> {
    match (price, cost) {
        (Price::Fixed { micro_usd }, _) => Some(Some(micro_usd)),
        (Price::Markup { .. }, Some(cost)) => price.of(cost).ok().map(Some),
        (Price::Markup { .. }, None) => Some(None),
    }
}

fn terms(book: &PriceBook, model: &ModelId) -> Option<Price> {
    let listed = book.models.get(model).copied();
    listed.or(match book.unlisted {
        Unlisted::Price(price) => Some(price),
        Unlisted::Refuse => None,
    })
}

/// A fixed price depends on no input. Formulas that contain amounts are not shown to tenants.
fn formula(price: Price, text: &str) -> &str {
    match price {
        Price::Fixed { .. } => "",
        Price::Markup { .. } if holds_an_amount(text) => BY_QUOTE,
        Price::Markup { .. } => text,
    }
}

fn holds_an_amount(text: &str) -> bool {
    let decimal = |pair: &[u8]| pair[0] == b'.' && pair[1].is_ascii_digit();
    text.contains('$') || text.as_bytes().windows(2).any(decimal)
}

fn tells_a_price(name: &str) -> bool {
    ["price", "pricing", "cost", "discount", "tiers"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    fn entry(id: &str, formula: &str) -> Value {
        json!({
            "model_id": id, "type": "image-to-image", "base_price": 0.08, "formula": formula, "discount_rate": 0,
            "discounted_price": 0.068, "pricing": {"unit": 0.08},
            "api_schema": {"api_schemas": [{"type": "model_run", "request_schema": {"type": "object", "properties": {}}}]},
        })
    }

    fn discounted(id: &str) -> Value {
        let mut entry = entry(id, "");
        entry["discount_rate"] = json!(15);
        entry
    }

    fn listed(price: Price, unlisted: Unlisted) -> Vec<Value> {
        let entries_ = vec![
            entry("a/one", "unit_price * num_images"),
            entry("a/two", "0.08 * n"),
            discounted("a/three"),
            json!({"model_id": "odd"}),
        ];
        let models = BTreeMap::from([(ModelId::parse("a/one").unwrap(), price)]);
        entries(
            &Catalogue::from_entries(entries_),
            &PriceBook { models, unlisted },
            "https://gateway.example",
        )
        .collect()
    }

    #[test]
    fn a_tenant_sees_its_own_prices_and_none_of_the_provider_s() {
        let shown = listed(
            Price::Markup {
                basis_points: 15_000,
                floor_micro_usd: None,
                cap_micro_usd: None,
            },
            Unlisted::Refuse,
        );

        assert_eq!(shown.len(), 1);
        let expected = json!({"model_id": "a/one", "base_price": 0.12, "formula": "unit_price * num_images", "discount_rate": 0});
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&shown[0][name], value);
        }
        let schema = &shown[0]["api_schema"]["api_schemas"][0];
        assert_eq!(schema["server"], "https://gateway.example");
        assert_eq!(schema["api_path"], "/api/v3/a/one");
        assert_eq!(
            (&shown[0]["discounted_price"], &shown[0]["pricing"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn a_formula_is_shown_only_where_it_holds_and_tells_no_amount() {
        let shown = listed(
            Price::Fixed {
                micro_usd: MicroUsd(50_000),
            },
            Unlisted::Price(Price::AT_COST),
        );

        assert_eq!(
            (&shown[0]["base_price"], &shown[0]["formula"]),
            (&json!(0.05), &json!(""))
        );
        assert_eq!(
            (&shown[1]["base_price"], &shown[1]["formula"]),
            (&json!(0.08), &json!(BY_QUOTE))
        );
    }

    #[test]
    fn the_price_of_a_model_with_a_discount_is_by_quote() {
        let fixed = Price::Fixed {
            micro_usd: MicroUsd(50_000),
        };

        let at_cost = &listed(fixed, Unlisted::Price(Price::AT_COST))[2];
        let own = &listed(fixed, Unlisted::Price(fixed))[2];

        let shown = |entry: &Value| {
            let names = ["base_price", "formula", "discount_rate"];
            names.map(|name| entry[name].clone())
        };
        assert_eq!(shown(at_cost), [json!(null), json!(BY_QUOTE), json!(0)]);
        assert_eq!(shown(own), [json!(0.05), json!(""), json!(0)]);
    }
}
