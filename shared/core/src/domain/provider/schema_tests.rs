//! What is checked of schemas that nobody can compile.

use serde_json::{Value, json};

use super::*;

fn accepts(schema: &Compiled, inputs: &Value) -> bool {
    let validator = schema.validator.as_ref();
    validator.is_none_or(|validator| validator.is_valid(inputs))
}

#[test]
fn one_broken_property_leaves_the_checks_of_the_others() {
    let compiled = Compiled::of(&json!({
        "type": "object", "required": ["prompt", 7],
        "properties": {
            "prompt": {"type": "string", "maxLength": 5},
            "file": {"type": "file", "minLength": 2},
            "steps": {"type": "integer", "minimum": "1", "maximum": 50},
            "style": {"type": "string", "enum": ["a", "b"], "pattern": "("},
            "loras": {"type": "array", "maxItems": 2, "items": {"type": "lora"}},
            "odd": 7
        }
    }));

    assert_eq!(
        compiled.unchecked,
        [
            "/properties/file/type",
            "/properties/loras/items/type",
            "/properties/odd",
            "/properties/steps/minimum",
            "/properties/style/pattern",
        ]
    );
    for good in [
        json!({"prompt": "x"}),
        json!({"prompt": "x", "file": "ab", "steps": -1, "style": "b", "loras": [1, "x"], "odd": 1}),
    ] {
        assert!(accepts(&compiled, &good), "{good}");
    }
    for bad in [
        json!({}),
        json!({"prompt": 7}),
        json!({"prompt": "too long"}),
        json!({"prompt": "x", "file": "a"}),
        json!({"prompt": "x", "steps": 51}),
        json!({"prompt": "x", "steps": "1"}),
        json!({"prompt": "x", "style": "c"}),
        json!({"prompt": "x", "loras": [1, 2, 3]}),
    ] {
        assert!(!accepts(&compiled, &bad), "{bad}");
    }
}

#[test]
fn a_reference_holds_beside_one_that_leads_nowhere() {
    let compiled = Compiled::of(&json!({
        "type": "object",
        "$defs": {"scale": {"type": "number", "maximum": 4}, "bad": {"type": 7}},
        "properties": {
            "scale": {"$ref": "#/$defs/scale"},
            "lost": {"$ref": "#/components/schemas/Lost"},
            "away": {"$ref": "https://schemas.example/a.json"}
        }
    }));

    assert!(accepts(
        &compiled,
        &json!({"scale": 4, "lost": 1, "away": 2})
    ));
    assert!(!accepts(&compiled, &json!({"scale": 5})));
    assert_eq!(
        compiled.unchecked,
        [
            "/$defs/bad/type",
            "/properties/away/$ref",
            "/properties/lost/$ref"
        ]
    );
}

#[test]
fn keywords_that_only_a_page_reads_are_no_trouble() {
    let compiled = Compiled::of(&json!({
        "type": "object", "x-order-properties": ["prompt"], "new": {"type": 7},
        "properties": {"prompt": {
            "type": "string", "x-ui-component": "textarea", "x-placeholder": 7, "step": "0.1",
            "format": "uri", "disabled": "no", "x-hidden": null
        }}
    }));

    assert!(compiled.unchecked.is_empty(), "{:?}", compiled.unchecked);
    assert!(accepts(&compiled, &json!({"prompt": "no URL"})));
    assert!(!accepts(&compiled, &json!({"prompt": 7})));
}

#[test]
fn null_is_a_value_of_what_is_nullable_at_any_depth() {
    let lora = json!({"type": "object", "properties": {
        "scale": {"type": "number", "nullable": true},
        "mode": {"type": "string", "enum": ["a"], "nullable": true},
        "path": {"type": "string"}
    }});
    let compiled = Compiled::of(&json!({
        "type": "object", "properties": {"loras": {"type": "array", "items": lora}}
    }));

    assert!(accepts(
        &compiled,
        &json!({"loras": [{"scale": null, "mode": null, "path": "x"}]})
    ));
    assert!(!accepts(&compiled, &json!({"loras": [{"path": null}]})));
    assert!(!accepts(&compiled, &json!({"loras": [{"scale": "1"}]})));
}

#[test]
fn what_is_required_is_marked_in_either_way_and_what_is_hidden_is_not() {
    let compiled = Compiled::of(&json!({
        "type": "object", "required": ["hidden", "off", "image"],
        "properties": {
            "image": {"type": "string"},
            "prompt": {"type": "string", "required": true},
            "seed": {"type": "integer", "required": false},
            "hidden": {"type": "string", "x-hidden": true},
            "off": {"type": "string", "disabled": true}
        }
    }));

    assert!(compiled.unchecked.is_empty(), "{:?}", compiled.unchecked);
    assert!(accepts(&compiled, &json!({"image": "x", "prompt": "x"})));
    assert!(!accepts(&compiled, &json!({"image": "x"})));
    assert!(!accepts(&compiled, &json!({"prompt": "x"})));
    assert!(!accepts(
        &compiled,
        &json!({"image": "x", "prompt": "x", "hidden": 7})
    ));
}

#[test]
fn a_schema_that_is_none_checks_nothing_and_says_so() {
    for schema in [json!("object"), json!(7), json!([])] {
        let compiled = Compiled::of(&schema);

        assert!(accepts(&compiled, &json!({"prompt": "x"})), "{schema}");
        assert!(!compiled.unchecked.is_empty(), "{schema}");
    }
}
