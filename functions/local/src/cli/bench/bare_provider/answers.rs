//! The texts of the bare provider, in the shapes of the provider's API.

use serde_json::json;

use super::super::MODEL;

/// In the style of the provider; the time is of no interest here.
const CREATED_AT: &str = "2026-01-01T00:00:00.000Z";

pub(super) fn envelope(data: &str) -> String {
    format!(r#"{{"code":200,"message":"success","data":{data}}}"#)
}

/// The answer to a submit.
pub(super) fn created(base: &str, id: &str, model: &str) -> String {
    envelope(&prediction(base, id, model, ("created", "[]")))
}

pub(super) fn processing(base: &str, id: &str, model: &str) -> String {
    prediction(base, id, model, ("processing", "[]"))
}

/// The body of a webhook.
pub(super) fn completed(base: &str, id: &str, model: &str) -> String {
    let outputs = format!(r#"["{base}/outputs/{id}/0.png"]"#);
    prediction(base, id, model, ("completed", &outputs))
}

fn prediction(base: &str, id: &str, model: &str, (status, outputs): (&str, &str)) -> String {
    format!(
        r#"{{"id":"{id}","model":"{model}","outputs":{outputs},"urls":{{"get":"{base}/api/v3/predictions/{id}/result"}},"has_nsfw_contents":[],"status":"{status}","created_at":"{CREATED_AT}","error":"","timings":{{"inference":1}}}}"#
    )
}

/// One model, with the inputs that the benchmark sends.
pub(super) fn catalogue(base: &str) -> String {
    let schema = json!({
        "type": "object", "required": ["prompt"],
        "properties": {
            "prompt": { "type": "string" },
            "aspect_ratio": { "type": "string" },
            "seed": { "type": "integer" },
        },
    });
    let call = json!({
        "type": "model_run", "method": "POST", "server": base,
        "api_path": format!("/api/v3/{MODEL}"), "request_schema": schema,
    });
    let model = json!({
        "model_id": MODEL, "name": MODEL, "description": "", "type": "text-to-image",
        "base_price": 0.08, "api_schema": { "api_schemas": [call] },
    });
    envelope(&json!([model]).to_string())
}

/// What is the same for everybody.
pub(super) fn constant(path: &str) -> Option<String> {
    let data = match path {
        "/api/v3/model/pricing" => json!({
            "model_id": MODEL, "unit_price": 0.08, "currency": "USD",
        }),
        "/api/v3/webhook/secret" => json!({ "secret": super::webhook::SECRET }),
        "/api/v3/balance" => json!({ "balance": 1_000_000.0 }),
        "/api/v3/predictions" => json!({ "page": 1, "items": [], "total": 0 }),
        _ => return None,
    };
    Some(envelope(&data.to_string()))
}

/// What an image model answers that speaks OpenAI's API.
pub(super) fn openai_image(base: &str) -> String {
    format!(r#"{{"created":1767225600,"data":[{{"url":"{base}/outputs/1/0.png"}}]}}"#)
}
