//! Models that the catalogue describes in a way that cannot be read in full: they run all the same,
//! and what can be read of them is checked.

use fluxgate_tests::other_provider::entry;
use fluxgate_tests::{Gateway, GatewayOptions, OtherProvider};
use serde_json::{Value, json};

const ODD: &str = "acme-ai/odd/text-to-text/v1.2";

fn with_schema(id: &str, schema: Value) -> Value {
    let mut entry = entry(id, "text-to-text");
    entry["api_schema"]["api_schemas"][0]["request_schema"] = schema;
    entry
}

/// Entries that nobody could run, beside those that can be.
fn broken() -> Vec<Value> {
    vec![
        json!(null),
        json!("acme-ai/text"),
        json!([]),
        json!({"model_id": 7}),
        json!({"model_id": "acme-ai/none"}),
        json!({"model_id": "one-segment", "base_price": 1, "api_schema": {"api_schemas": {}}}),
        with_schema("acme-ai/no/schema", json!("object")),
    ]
}

/// A schema with keywords that nobody can compile, and others beside them.
fn odd_schema() -> Value {
    json!({
        "type": "object", "required": ["prompt", "hidden"], "x-new": {"type": 7},
        "properties": {
            "prompt": {"type": "string", "x-ui-component": "textarea", "x-placeholder": 1},
            "hidden": {"type": "string", "x-hidden": true},
            "size": {"type": "dimensions", "enum": ["small", "large"]},
            "steps": {"type": "integer", "minimum": "1", "maximum": 50, "step": "1"},
            "style": {"type": "string", "pattern": "(", "nullable": true, "disabled": "no"},
            "loras": {"type": "array", "items": {"$ref": "#/components/schemas/Lora"}}
        }
    })
}

#[tokio::test]
async fn a_schema_that_cannot_be_compiled_takes_no_model_away_and_is_checked_in_part() {
    let mut models = broken();
    models.push(with_schema(ODD, odd_schema()));
    models.extend(broken());
    models.push(with_schema("acme-ai/open", json!({"type": "object"})));
    let provider = OtherProvider::start(models).await;
    provider.produce(json!(["A text."]));
    let gateway = Gateway::with(GatewayOptions::before(&provider)).await;
    let tenant = gateway.tenant("acme", "100").await;
    let submit =
        async |model: &str, inputs: Value| tenant.post(&format!("/api/v3/{model}"), &inputs).await;

    let good = json!({
        "prompt": "x", "size": "small", "steps": 50, "style": null, "loras": [{"path": "a"}],
        "undeclared": 1
    });
    let accepted = submit(ODD, good).await;
    let open = submit("acme-ai/open", json!({"prompt": "x", "n": 2})).await;
    for (inputs, code, field) in [
        (json!({}), "missing_parameter", "prompt"),
        (json!({"prompt": 7}), "invalid_parameter", "prompt"),
        (
            json!({"prompt": "x", "size": "huge"}),
            "invalid_parameter",
            "size",
        ),
        (
            json!({"prompt": "x", "steps": 51}),
            "invalid_parameter",
            "steps",
        ),
        (
            json!({"prompt": "x", "loras": "a"}),
            "invalid_parameter",
            "loras",
        ),
    ] {
        let refused = submit(ODD, inputs.clone()).await;
        let told = (refused.status.as_u16(), refused.text("/error_code"));
        assert_eq!(told, (400, code.to_owned()), "{inputs}: {:?}", refused.body);
        assert!(
            refused.text("/message").contains(field),
            "{:?}",
            refused.body
        );
    }

    assert_eq!(accepted.status, 200, "{:?}", accepted.body);
    assert_eq!(open.status, 200, "{:?}", open.body);
    for answer in [accepted, open] {
        let ended = tenant.ended(&answer.text("/data/id")).await;
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    let submitted = provider.submitted();
    assert!(
        submitted.contains(&json!({"prompt": "x", "n": 2})),
        "{submitted:?}"
    );
    assert!(
        submitted
            .iter()
            .any(|inputs| inputs["loras"] == json!([{"path": "a"}]))
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_model_of_four_segments_is_one_everywhere() {
    let provider = OtherProvider::start(vec![entry(ODD, "text-to-text")]).await;
    provider.produce(json!(["A text."]));
    let gateway = Gateway::with(GatewayOptions::before(&provider)).await;
    let tenant = gateway.tenant("acme", "100").await;
    let inputs = json!({ "prompt": "x" });

    let prices = json!({ "models": { ODD: { "fixed": { "usd": "2.50" } } } });
    let set = gateway
        .operator()
        .patch("/tenants/acme/prices", &prices)
        .await;
    let listed = tenant.get("/api/v3/models").await;
    let priced = tenant
        .post(
            "/api/v3/model/price",
            &json!({ "model_id": ODD, "inputs": inputs }),
        )
        .await;
    let submitted = tenant.post(&format!("/api/v3/{ODD}"), &inputs).await;
    let ended = tenant.ended(&submitted.text("/data/id")).await;
    let created = tenant
        .post("/v1/tasks", &json!({ "model": ODD, "input": inputs }))
        .await;
    let list = tenant
        .post(
            "/api/v3/predictions",
            &json!({ "page": 1, "page_size": 10, "model": ODD }),
        )
        .await;

    assert_eq!(set.status, 200, "{:?}", set.body);
    assert_eq!(listed.text("/data/0/model_id"), ODD);
    assert_eq!(listed.body["data"][0]["base_price"], 2.5);
    assert_eq!(priced.body["data"]["price"], 2.5, "{:?}", priced.body);
    assert_eq!(
        (&ended["model"], &ended["charged_usd"]),
        (&json!(ODD), &json!(2.5))
    );
    assert!(created.status.is_success(), "{:?}", created.body);
    assert_eq!(list.body["data"]["items"].as_array().unwrap().len(), 2);
    gateway.stop().await;
}
