//! Which prices the catalogue tells, and which only the provider does.

use serde_json::json;

use super::*;

fn declared() -> Map<String, Value> {
    let properties = json!({
        "prompt": {"type": "string"},
        "num_images": {"type": "integer", "default": 1},
        "duration": {"type": "integer", "default": "5"},
        "scale": {"type": "number"}
    });
    properties.as_object().unwrap().clone()
}

fn told(entry: &Value, inputs: &Value) -> Option<i64> {
    let declared = declared();
    let pricing = Pricing::of(entry, Some(&declared));
    let price = pricing.told(inputs.as_object().unwrap(), Some(&declared));
    price.map(|price| price.0)
}

fn key(entry: &Value, inputs: &Value) -> Sha256 {
    let mut running = RunningSha256::default();
    let pricing = Pricing::of(entry, Some(&declared()));
    pricing.digest(&mut running, inputs.as_object().unwrap());
    running.finish()
}

#[test]
fn a_price_is_told_without_a_formula_or_where_its_inputs_are_not_given() {
    let nothing = json!({"prompt": "x", "num_images": null});
    for (entry, expected) in [
        (json!({"base_price": 0.08}), 80_000),
        (
            json!({"base_price": " 0.08 ", "formula": null, "tiers": []}),
            80_000,
        ),
        (
            json!({"base_price": 0.08, "formula": " ", "discount_rate": "0"}),
            80_000,
        ),
        (
            json!({"base_price": 0.08, "formula": "base_price * num_images"}),
            80_000,
        ),
        (
            json!({"base_price": 0.1, "formula": "(unit_price + 0.02) * duration"}),
            600_000,
        ),
        (json!({"base_price": 0}), 0),
    ] {
        assert_eq!(told(&entry, &nothing), Some(expected), "{entry}");
    }
}

#[test]
fn only_a_quote_tells_what_depends_on_given_inputs_or_cannot_be_read() {
    let given = json!({"prompt": "x", "num_images": 2});
    for entry in [
        json!({}),
        json!({"base_price": null}),
        json!({"base_price": "on request"}),
        json!({"base_price": -1}),
        json!({"base_price": {"720p": 1}}),
        json!({"base_price": 1, "tiers": [{"over": 10, "price": 2}]}),
        json!({"base_price": 1, "formula": {"per": "image"}}),
        json!({"base_price": 1, "formula": "base_price * num_images"}),
        json!({"base_price": 1, "formula": "base_price * scale"}),
        json!({"base_price": 1, "formula": "base_price * megapixels"}),
        json!({"base_price": 1, "formula": "max(base_price, duration)"}),
        json!({"base_price": 1, "formula": "base_price - duration"}),
        json!({"base_price": 1, "discount_rate": 15}),
        json!({"base_price": 1, "discount_rate": " 0.15 "}),
        json!({"base_price": 1, "discount_rate": {"vip": 1}}),
    ] {
        assert_eq!(told(&entry, &given), None, "{entry}");
    }
    let plain = json!({"base_price": 1});
    assert_eq!(told(&plain, &given), Some(1_000_000));
}

#[test]
fn a_quote_holds_for_runs_that_differ_only_in_what_the_formula_does_not_name() {
    let formula = json!({"base_price": 1, "formula": "base_price * num_images"});
    let unknown = json!({"base_price": 1, "formula": "base_price * megapixels"});
    let two = json!({"prompt": "x", "num_images": 2});
    let other = json!({"prompt": "y", "num_images": 2, "scale": 1});
    let three = json!({"prompt": "x", "num_images": 3});

    assert_eq!(key(&formula, &two), key(&formula, &other));
    assert_ne!(key(&formula, &two), key(&formula, &three));
    assert_ne!(key(&unknown, &two), key(&unknown, &other));
    let dearer = json!({"base_price": 2, "formula": "base_price * num_images"});
    assert_ne!(key(&formula, &two), key(&dearer, &two));
    let cheaper =
        json!({"base_price": 1, "formula": "base_price * num_images", "discount_rate": 5});
    assert_ne!(key(&formula, &two), key(&cheaper, &two));
    assert_eq!(key(&cheaper, &two), key(&cheaper, &other));
}

#[test]
fn without_declared_inputs_a_formula_may_depend_on_any() {
    let entry = json!({"base_price": 1, "formula": "base_price * num_images"});

    let pricing = Pricing::of(&entry, None);

    assert_eq!(pricing.told(&Map::new(), None), None);
    assert!(pricing.depends_on("num_images") && pricing.depends_on("prompt"));
}
