//! The catalogue, and what its models accept.

use serde_json::{Map, Value, json};

use super::*;
use crate::base::error::Error;
use crate::base::id::ModelId;
use crate::domain::money::MicroUsd;

fn model() -> Catalogue {
    Catalogue::from_entries(vec![
        json!({
            "model_id": "wavespeed-ai/flux-kontext-max", "base_price": 0.08, "formula": "",
            "api_schema": {"api_schemas": [{"type": "model_run", "request_schema": {
                "type": "object", "required": ["prompt", "image"], "properties": {
                    "prompt": {"type": "string"},
                    "negative_prompt": {"type": "string"},
                    "image": {"type": "string", "x-accept": "image/*"},
                    "mask": {"type": "string", "x-ui-component": "uploader"},
                    "frames": {"type": "array", "items": {"type": "string", "x-accept": "image/*"}},
                    "data": {"type": "string", "x-accept": ".zip,image/*"},
                    "style_image": {"type": "string", "format": "uri"},
                    "audio": {"type": "string"},
                    "size": {"enum": ["small", "large", 7]},
                    "guidance_scale": {"type": "number", "minimum": 1, "maximum": 10}
                }}}]}
        }),
        json!({"model_id": "odd/one"}),
    ])
}

fn accept(inputs: Value) -> Result<Map<String, Value>, Error> {
    let id = ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap();
    let Value::Object(inputs) = inputs else {
        unreachable!()
    };
    model().model(&id).unwrap().accept(inputs)
}

#[test]
fn a_missing_and_an_out_of_range_parameter_are_named() {
    let missing = accept(json!({"prompt": "x"})).unwrap_err();
    let range = accept(json!({"prompt": "x", "image": "y", "guidance_scale": 11})).unwrap_err();

    assert_eq!(
        (missing.code, missing.field.as_deref()),
        ("missing_parameter", Some("image"))
    );
    assert_eq!(
        (range.code, range.field.as_deref()),
        ("invalid_parameter", Some("guidance_scale"))
    );
}

#[test]
fn a_value_that_is_none_of_a_list_is_told_the_whole_list() {
    let error = accept(json!({"prompt": "x", "image": "y", "size": "huge"})).unwrap_err();

    assert_eq!(
        error.message,
        "the parameter 'size' must be one of small, large, 7"
    );
    assert_eq!(
        (error.code, error.field.as_deref()),
        ("invalid_parameter", Some("size"))
    );
}

fn declaring(id: &str, schema: &Value) -> Catalogue {
    Catalogue::from_entries(vec![json!({
        "model_id": id, "base_price": 1,
        "api_schema": {"api_schemas": [{"type": "model_run", "request_schema": schema}]}
    })])
}

#[test]
fn a_declaration_that_makes_no_sense_in_part_is_told_once_and_checked_for_the_rest() {
    let schema = json!({"type": "object", "required": ["prompt"], "properties": {
        "prompt": {"type": "string"}, "odd": {"type": 7}
    }});
    let id = ModelId::parse("odd/two/of/four").unwrap();
    let first = declaring(id.as_str(), &schema);
    let again = declaring(id.as_str(), &schema).following(&first);
    let changed = declaring(id.as_str(), &json!({"properties": {"odd": 7}})).following(&again);
    let inputs = |value: Value| value.as_object().unwrap().clone();

    let model = first.model(&id).unwrap();
    let accepted = model.accept(inputs(json!({"prompt": "x", "odd": "y"})));
    let refused = model.accept(Map::new()).unwrap_err();
    let told = |catalogue: &Catalogue| catalogue.model(&id).unwrap().unchecked_once();

    assert_eq!(accepted.unwrap().len(), 2);
    assert_eq!(
        (refused.code, refused.field.as_deref()),
        ("missing_parameter", Some("prompt"))
    );
    assert_eq!(told(&first).as_deref(), Some("/properties/odd/type"));
    assert_eq!((told(&first), told(&again)), (None, None));
    assert_eq!(told(&changed).as_deref(), Some("/properties/odd"));
}

#[test]
fn a_model_that_declares_no_inputs_is_passed_what_is_given() {
    let id = ModelId::parse("odd/open").unwrap();
    let catalogue = declaring(id.as_str(), &json!({"type": "object"}));
    let given = json!({"prompt": "x", "image": "y", "mask": null});

    let model = catalogue.model(&id).unwrap();
    let accepted = model.accept(given.as_object().unwrap().clone()).unwrap();

    assert_eq!(
        Value::Object(accepted),
        json!({"prompt": "x", "image": "y"})
    );
    assert!(model.media_fields().any(|name| name == "image"));
}

#[test]
fn undeclared_inputs_and_nulls_are_dropped_as_provider_does() {
    let accepted =
        accept(json!({"prompt": "x", "image": "y", "guidance_scale": null, "surprise": 1}))
            .unwrap();

    assert_eq!(accepted.keys().collect::<Vec<_>>(), ["image", "prompt"]);
}

#[test]
fn a_price_that_comes_as_text_is_one() {
    let mut entry = model().raw()[0].clone();
    entry["base_price"] = json!("0.08");

    let catalogue = Catalogue::from_entries(vec![entry]);

    assert_eq!(
        catalogue.models().next().map(Model::base_price),
        Some(Some(MicroUsd(80_000)))
    );
}

#[test]
fn a_misspelt_name_is_near_the_one_that_is_meant() {
    let catalogue = model();
    let near = |text: &str| -> Vec<String> {
        catalogue
            .near(&ModelId::parse(text).unwrap())
            .into_iter()
            .map(ToString::to_string)
            .collect()
    };

    for slip in [
        "wavespeed-ai/flux-kontex-max",
        "wavespeed-ai/flux-kontext-mxa",
        "wavespeed/flux-kontext-max",
    ] {
        assert_eq!(near(slip), ["wavespeed-ai/flux-kontext-max"], "{slip}");
    }
    assert!(near("google/veo3").is_empty());
}

#[test]
fn a_picture_left_blank_is_as_good_as_none() {
    let accepted = accept(json!({"prompt": "x", "image": "y", "mask": ""})).unwrap();
    let missing = accept(json!({"prompt": "x", "image": " "})).unwrap_err();

    assert_eq!(accepted.keys().collect::<Vec<_>>(), ["image", "prompt"]);
    assert_eq!(
        (missing.code, missing.field.as_deref()),
        ("missing_parameter", Some("image"))
    );
}

#[test]
fn media_are_marked_on_the_input_or_on_the_items_of_its_list() {
    let catalogue = model();
    let id = ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap();

    let mut fields: Vec<&str> = catalogue.model(&id).unwrap().media_fields().collect();

    fields.sort_unstable();
    assert_eq!(
        fields,
        ["audio", "data", "frames", "image", "mask", "style_image"]
    );
}

/// What is marked as no more than a file may be one of any kind, as an archive to train with.
#[test]
fn a_field_is_for_pictures_alone_by_what_it_accepts_and_else_by_its_name() {
    let catalogue = model();
    let model = catalogue
        .model(&ModelId::parse("wavespeed-ai/flux-kontext-max").unwrap())
        .unwrap();

    let mut fields: Vec<&str> = model
        .media_fields()
        .filter(|name| model.takes_pictures_alone(name))
        .collect();

    fields.sort_unstable();
    assert_eq!(fields, ["frames", "image", "style_image"]);
}

#[test]
fn a_required_text_left_blank_is_missing_and_another_is_kept() {
    for blank in ["", " ", "\n\t"] {
        let error = accept(json!({"prompt": blank, "image": "y"})).unwrap_err();

        assert_eq!(
            (error.code, error.field.as_deref()),
            ("missing_parameter", Some("prompt")),
            "{blank:?}"
        );
    }
    let accepted = accept(json!({"prompt": "x", "image": "y", "negative_prompt": ""})).unwrap();
    assert_eq!(accepted.get("negative_prompt"), Some(&json!("")));
}

#[test]
fn an_unreadable_entry_does_not_take_the_others_away() {
    let catalogue = model();

    assert!(
        catalogue
            .model(&ModelId::parse("odd/one").unwrap())
            .is_err()
    );
    assert_eq!(catalogue.raw().len(), 2);
}
