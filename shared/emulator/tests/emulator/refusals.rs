//! What is refused, and how.

use fluxgate_emulator::EmulatorConfig;
use reqwest::header::{ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::client::{Client, MAX, inputs, quick};

async fn refusal(request: RequestBuilder) -> (u16, String) {
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["x-fluxgate-emulator"], "1");
    let status = answer.status().as_u16();
    let envelope: Value = answer.json().await.unwrap();
    assert_eq!(envelope["code"], status);
    assert!(envelope.get("error").is_none() && envelope.get("data").is_none());
    (status, envelope["message"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_missing_or_wrong_key_is_refused() {
    let client = Client::new().await;
    let url = format!("{}/api/v3/balance", client.emulator.base_url());

    let (missing, _) = refusal(client.http.get(&url)).await;
    let (wrong, _) = refusal(client.http.get(&url).bearer_auth("wsk_other")).await;

    assert_eq!((missing, wrong), (401, 401));
    assert_eq!(client.emulator.request_count("balance"), 0);
}

#[tokio::test]
async fn an_unknown_model_path_or_prediction_is_not_found() {
    let client = Client::new().await;
    let submit = |path: &str| client.request(Method::POST, path).json(&inputs());

    for path in [
        "/api/v3/wavespeed-ai/none",
        "/api/v3/a/b/c/d",
        "/api/v3/a/b/c/d/e",
        "/api/v3/predictions/x/y",
    ] {
        assert_eq!(refusal(submit(path)).await.0, 404, "{path}");
    }
    for path in ["/api/v3/predictions/0f3c/result", "/nowhere"] {
        assert_eq!(
            refusal(client.request(Method::GET, path)).await.0,
            404,
            "{path}"
        );
    }
    assert_eq!(
        refusal(client.request(Method::DELETE, "/api/v3/balance"))
            .await
            .0,
        405
    );
}

#[tokio::test]
async fn a_parameter_that_is_missing_or_not_valid_is_named() {
    let client = Client::new().await;
    let cases = [
        (json!({"image": "http://a/b.png"}), "prompt"),
        (json!({"prompt": " ", "image": "http://a/b.png"}), "prompt"),
        (json!({"prompt": "x"}), "image"),
        (json!({"prompt": "x", "image": 5}), "image"),
        (
            json!({"prompt": "x", "image": "y", "guidance_scale": 10.5}),
            "guidance_scale",
        ),
        (
            json!({"prompt": "x", "image": "y", "guidance_scale": 0.9}),
            "guidance_scale",
        ),
        (
            json!({"prompt": "x", "image": "y", "seed": 10_000_000_000_i64}),
            "seed",
        ),
        (json!({"prompt": "x", "image": "y", "seed": -2}), "seed"),
        (
            json!({"prompt": "x", "image": "y", "aspect_ratio": "5:5"}),
            "aspect_ratio",
        ),
    ];

    for (inputs, name) in cases {
        let (status, message) = refusal(
            client
                .request(Method::POST, &format!("/api/v3/{MAX}"))
                .json(&inputs),
        )
        .await;

        assert!(
            status == 400 && message.contains(&format!("'{name}'")),
            "{status} {message}"
        );
    }
    assert!(client.emulator.runs().is_empty());
}

#[tokio::test]
async fn a_body_or_webhook_that_makes_no_sense_is_refused() {
    let client = Client::new().await;
    let path = format!("/api/v3/{MAX}");

    let (no_object, _) = refusal(client.request(Method::POST, &path).body("[]")).await;
    let (no_url, _) = refusal(
        client
            .request(Method::POST, &format!("{path}?webhook=nowhere"))
            .json(&inputs()),
    )
    .await;

    assert_eq!((no_object, no_url), (400, 400));
}

#[tokio::test]
async fn a_balance_that_does_not_cover_the_run_is_refused() {
    let client = Client::of(EmulatorConfig {
        balance_micro_usd: 79_999,
        ..quick()
    })
    .await;

    let (status, _) = refusal(
        client
            .request(Method::POST, &format!("/api/v3/{MAX}"))
            .json(&inputs()),
    )
    .await;

    assert_eq!(status, 402);
}

#[tokio::test]
async fn a_browser_of_any_origin_may_call() {
    let client = Client::new().await;
    let preflight = client.http.request(
        Method::OPTIONS,
        format!("{}/api/v3/{MAX}", client.emulator.base_url()),
    );
    let preflight = preflight
        .header("origin", "https://any.example")
        .header("access-control-request-method", "POST");

    let answer = preflight
        .header("access-control-request-headers", "authorization")
        .send()
        .await
        .unwrap();

    assert!(answer.status().is_success());
    assert_eq!(answer.headers()[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(
        answer.headers()[ACCESS_CONTROL_ALLOW_HEADERS],
        "authorization"
    );
}

#[tokio::test]
async fn a_page_in_a_browser_may_not_order_faults_or_read_what_was_run() {
    let client = Client::new().await;

    for (path, method) in [
        ("/_emulator/faults", "PUT"),
        ("/_emulator/faults", "GET"),
        ("/_emulator/runs", "GET"),
    ] {
        let preflight = client.http.request(
            Method::OPTIONS,
            format!("{}{path}", client.emulator.base_url()),
        );
        let preflight = preflight
            .header("origin", "https://any.example")
            .header("access-control-request-method", method);
        let asked = preflight
            .header("access-control-request-headers", "authorization")
            .send()
            .await
            .unwrap();
        let read = client
            .request(Method::GET, path)
            .header("origin", "https://any.example")
            .send()
            .await
            .unwrap();

        assert_eq!(read.status(), 200);
        for answer in [asked, read] {
            assert_eq!(
                answer.headers().get(ACCESS_CONTROL_ALLOW_ORIGIN),
                None,
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn each_emulator_has_secrets_of_its_own() {
    let (one, other) = (Client::new().await, Client::new().await);

    assert_ne!(one.emulator.api_key(), other.emulator.api_key());
    assert_ne!(
        one.emulator.webhook_secret(),
        other.emulator.webhook_secret()
    );
}
