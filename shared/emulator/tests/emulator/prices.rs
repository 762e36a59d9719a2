//! Prices of all the ways in which the catalogue writes them.

use serde_json::{Value, json};

use crate::client::Client;

async fn quoted(client: &Client, model: &str, inputs: Value) -> (f64, f64) {
    let body = json!({"model_id": model, "inputs": inputs});
    let price = client.post("/api/v3/model/price", &body).await;
    let unit = client.post("/api/v3/model/pricing", &body).await;
    assert_eq!(unit["unit_price"], price["discounted_price"], "{model}");
    let usd = |name: &str| price[name].as_f64().unwrap();
    (usd("price"), usd("discounted_price"))
}

#[tokio::test]
async fn a_quote_follows_the_formula_the_defaults_and_the_discount() {
    let client = Client::new().await;
    let wan = "wavespeed-ai/wan-2.2/image-to-video";
    for (model, inputs, price, discounted) in [
        (wan, json!({}), 0.3, 0.3),
        (
            wan,
            json!({"resolution": "1080p", "duration": 10}),
            0.9,
            0.9,
        ),
        (
            "google/veo3/fast",
            json!({"generate_audio": false}),
            1.2,
            1.2,
        ),
        (
            "google/nano-banana-pro/text-to-image",
            json!({"resolution": "4k"}),
            0.24,
            0.24,
        ),
        (
            "wavespeed-ai/qwen-image/text-to-image",
            json!({}),
            0.02,
            0.015,
        ),
        (
            "bytedance/seedance-v1-pro/t2v/1080p",
            json!({"duration": 10}),
            1.48,
            1.184,
        ),
        (
            "elevenlabs/eleven-v3",
            json!({"text": "x".repeat(1_001)}),
            0.2,
            0.2,
        ),
        ("pixverse/pixverse-v5-t2v", json!({}), 0.35, 0.35),
        ("wavespeed-ai/price-unknown", json!({}), 0.02, 0.02),
    ] {
        let quoted = quoted(&client, model, inputs).await;

        let expected = (price, discounted);
        assert!((quoted.0 - expected.0).abs() < 1e-9, "{model} {quoted:?}");
        assert!((quoted.1 - expected.1).abs() < 1e-9, "{model} {quoted:?}");
    }
}

#[tokio::test]
async fn the_catalogue_writes_prices_as_numbers_texts_and_null_and_what_clients_must_bear() {
    let client = Client::new().await;
    let listed = client.get("/api/v3/models").await;
    let listed = listed.as_array().unwrap();
    let entry = |id: &str| listed.iter().find(|entry| entry["model_id"] == id).unwrap();
    let schema = |id: &str| entry(id)["api_schema"]["api_schemas"][0]["request_schema"].clone();

    let (text, null) = (
        entry("minimax/speech-02-hd"),
        entry("wavespeed-ai/price-unknown"),
    );
    let unreadable = schema("wavespeed-ai/schema-unreadable");
    let ahead = schema("wavespeed-ai/schema-ahead-of-its-time");

    assert_eq!(
        (&text["base_price"], &null["base_price"]),
        (&json!("0.05"), &Value::Null)
    );
    assert_eq!(unreadable["properties"]["prompt"]["pattern"], "([a-z");
    assert_eq!(ahead["properties"]["palette"]["x-ui-component"], "swatches");
    assert_eq!(entry("wavespeed-ai/flux-schnell")["sort_order"], 5);
    for entry in listed {
        let id = entry["model_id"].as_str().unwrap();
        let path = &entry["api_schema"]["api_schemas"][0]["api_path"];
        assert_eq!(*path, format!("/api/v3/{id}"));
        assert!(
            entry.get("makes").is_none() && entry.get("charges").is_none(),
            "{id}"
        );
    }
}
