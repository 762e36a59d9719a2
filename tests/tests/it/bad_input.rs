//! Bad input is refused with what is wrong, where, and how to mend it; nothing is held and nothing
//! is sent.

use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::{Value, json};

async fn nothing_happened(gateway: &Gateway, tenant: &TestTenant) {
    assert_eq!(gateway.emulator.request_count("submit"), 0);
    assert_eq!(
        tenant.post("/api/v3/predictions", &json!({})).await.body["data"]["items"],
        json!([])
    );
}

#[tokio::test]
async fn a_wrong_parameter_is_400_and_names_the_field() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let cases: [(Value, &str); 10] = [
        (json!({ "prompt": "", "image": image }), "prompt"),
        (json!({ "prompt": " \n\t", "image": image }), "prompt"),
        (json!({ "image": image }), "prompt"),
        (json!({ "prompt": "x" }), "image"),
        (json!({ "prompt": 7, "image": image }), "prompt"),
        (
            json!({ "prompt": "x", "image": image, "guidance_scale": 0.5 }),
            "guidance_scale",
        ),
        (
            json!({ "prompt": "x", "image": image, "guidance_scale": "high" }),
            "guidance_scale",
        ),
        (
            json!({ "prompt": "x", "image": image, "aspect_ratio": "5:1" }),
            "aspect_ratio",
        ),
        (json!({ "prompt": "x", "image": "not a url" }), "image"),
        (
            json!({ "prompt": "x", "image": image, "enable_sync_mode": "yes" }),
            "enable_sync_mode",
        ),
    ];

    for (inputs, field) in cases {
        let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/field").as_str()),
            (400, field),
            "{:?}",
            answer.body
        );
        assert_eq!(answer.body["code"], 400);
        assert!(
            answer.text("/message").contains(field) || field == "image",
            "{:?}",
            answer.body
        );
        assert!(
            answer.body.get("error").is_none(),
            "the provider's clients treat a key named 'error' as a failure"
        );
    }
    nothing_happened(&gateway, &tenant).await;
}

#[tokio::test]
async fn an_unknown_model_is_404_and_a_body_that_is_no_json_object_is_400() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let raw = |body: &'static str| {
        tenant
            .http()
            .post(tenant.url(&format!("/api/v3/{MODEL}")))
            .body(body)
    };

    let unknown = tenant
        .post(
            "/api/v3/wavespeed-ai/no-such-model",
            &json!({ "prompt": "x" }),
        )
        .await;
    assert_eq!(
        (
            unknown.status.as_u16(),
            unknown.text("/error_code").as_str()
        ),
        (404, "unknown_model")
    );
    let cancel = tenant
        .post("/api/v3/predictions/0f3c/cancel", &json!({}))
        .await;
    assert_eq!(
        (cancel.status.as_u16(), cancel.text("/error_code").as_str()),
        (404, "not_found")
    );
    assert!(
        cancel
            .text("/message")
            .contains("GET /api/v3/predictions/{id}/result"),
        "{:?}",
        cancel.body
    );
    for body in ["", "{", "[]", "\"text\"", "{\"prompt\": }"] {
        let answer = tenant.send(raw(body)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/error_code").as_str()),
            (400, "invalid_json"),
            "{body:?}"
        );
    }
    nothing_happened(&gateway, &tenant).await;
}

#[tokio::test]
async fn a_body_over_the_bound_is_413() {
    let bounds = fluxgate_local::settings::BoundsSettings {
        body_bytes_max: Some(1_000),
        ..fluxgate_tests::gateway::quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;

    let answer = tenant
        .post(
            &format!("/api/v3/{MODEL}"),
            &json!({ "prompt": "x".repeat(2_000) }),
        )
        .await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/error_code").as_str()),
        (413, "body_too_large")
    );
    assert!(
        answer.text("/message").contains("upload the picture"),
        "{:?}",
        answer.body
    );
    nothing_happened(&gateway, &tenant).await;
}

#[tokio::test]
async fn a_picture_or_callback_on_a_forbidden_address_is_400() {
    let gateway = Gateway::with(GatewayOptions {
        allow_loopback: false,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let addresses = [
        "http://127.0.0.1/x",
        "https://localhost/x",
        "https://169.254.169.254/latest",
        "https://[::1]/x",
        "https://10.0.0.1/x",
    ];

    for address in addresses {
        let image = tenant
            .post(
                &format!("/api/v3/{MODEL}"),
                &json!({ "prompt": "x", "image": address }),
            )
            .await;
        assert_eq!(
            (image.status.as_u16(), image.text("/error_code").as_str()),
            (400, "forbidden_address"),
            "{address}"
        );
        assert_eq!(image.text("/field"), "image");
        let endpoint = tenant
            .post("/v1/endpoints", &json!({ "url": address }))
            .await;
        assert_eq!(
            (endpoint.status.as_u16(), endpoint.text("/field").as_str()),
            (400, "url"),
            "{address}"
        );
    }
    let data = "data:image/png;base64,iVBORw0KGgo=";
    let webhook = tenant
        .post(
            &format!("/api/v3/{MODEL}?webhook=http://127.0.0.1/x"),
            &json!({ "prompt": "x", "image": data }),
        )
        .await;
    assert_eq!(
        (webhook.status.as_u16(), webhook.text("/field").as_str()),
        (400, "webhook")
    );
    nothing_happened(&gateway, &tenant).await;
}

/// It was checked as a URL of the first host, and sent on as it was, for the provider's parser to
/// find the second.
#[tokio::test]
async fn a_url_that_not_every_program_reads_alike_is_400_wherever_it_is_named() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let data = "data:image/png;base64,iVBORw0KGgo=";
    let refused = |answer: Answer, code: &str, field: &str, url: &str| {
        let told = ["/code", "/error_code"].map(|name| answer.text(name));
        assert!(told.contains(&code.to_owned()), "{url}: {:?}", answer.body);
        assert_eq!(answer.status, 400, "{url}");
        assert_eq!(answer.text("/field"), field, "{url}");
    };

    for url in [
        "http://127.0.0.1:1\\@127.0.0.2/zz".to_owned(),
        "http:///127.0.0.1/x".to_owned(),
        image.replacen("/media/", "/me\tdia/", 1),
        format!("{image}?a b"),
    ] {
        let edit = json!({ "prompt": "x", "image": url });
        let answer = tenant.post(&format!("/api/v3/{MODEL}"), &edit).await;
        refused(answer, "invalid_parameter", "image", &url);
        let task = json!({ "model": MODEL, "input": edit });
        let answer = tenant.post("/v1/tasks", &task).await;
        refused(answer, "invalid_parameter", "image", &url);

        let edit = json!({ "prompt": "x", "image": data });
        let task = json!({ "model": MODEL, "input": edit, "callback_url": url });
        let answer = tenant.post("/v1/tasks", &task).await;
        refused(answer, "invalid_callback_url", "callback_url", &url);
        let answer = tenant.post("/v1/endpoints", &json!({ "url": url })).await;
        refused(answer, "invalid_callback_url", "url", &url);
    }
    nothing_happened(&gateway, &tenant).await;
}

#[tokio::test]
async fn too_little_balance_is_402_and_says_what_is_left_and_what_it_costs() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "0.1").await;
    let inputs = tenant.inputs().await;
    let first = tenant.submit(&inputs).await;

    let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/error_code").as_str()),
        (402, "insufficient_funds")
    );
    assert!(
        answer.text("/message").contains("$0.08") && answer.text("/message").contains("$0.02"),
        "{:?}",
        answer.body
    );
    tenant.ended(&first).await;
    assert_eq!(gateway.emulator.runs().len(), 1);
}

#[tokio::test]
async fn unknown_ids_and_paths_are_404_and_a_wrong_method_is_405() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for id in ["0".repeat(32), "x".to_owned(), "..%2f..".to_owned()] {
        let answer = tenant
            .get(&format!("/api/v3/predictions/{id}/result"))
            .await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (404, &json!(404)),
            "{id}"
        );
    }
    let nowhere = tenant.get("/nowhere").await;
    assert_eq!(
        (nowhere.status.as_u16(), nowhere.text("/code").as_str()),
        (404, "not_found")
    );
    let wrong = tenant.post("/api/v3/balance", &json!({})).await;
    assert_eq!(
        (wrong.status.as_u16(), &wrong.body["code"]),
        (405, &json!(405))
    );
}

#[tokio::test]
async fn an_idempotency_key_that_is_no_key_is_400() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let answer = tenant
        .submit_with_key(&tenant.inputs().await, &"k".repeat(256))
        .await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (400, "Idempotency-Key")
    );
    nothing_happened(&gateway, &tenant).await;
}

#[tokio::test]
async fn a_broken_or_too_large_data_uri_is_refused_before_anything_is_spent() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let large = format!("data:image/png;base64,{}", "A".repeat(14 * 1024 * 1024));
    let cases = [
        ("data:image/png;base64,%%%", 400),
        ("data:text/html;base64,aGk=", 400),
        (large.as_str(), 413),
    ];

    for (image, status) in cases {
        let answer = tenant
            .post(
                &format!("/api/v3/{MODEL}"),
                &json!({ "prompt": "x", "image": image }),
            )
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/field").as_str()),
            (status, "image"),
            "{:?}",
            answer.body
        );
    }
    nothing_happened(&gateway, &tenant).await;
}

#[tokio::test]
async fn an_input_that_would_take_room_for_nothing_is_413() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let inputs = json!({ "prompt": "x".repeat(70_000), "image": image });
    let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (413, "prompt"),
        "{:?}",
        answer.body
    );
    nothing_happened(&gateway, &tenant).await;
}
