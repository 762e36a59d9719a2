//! JSON as it is sent: objects where objects are meant, each name once, and within bounds.

use fluxgate_tests::operator::{TestIssuer, new_tenant};
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, TestTenant, process};
use serde_json::{Value, json};

async fn raw(tenant: &TestTenant, path: &str, body: String) -> Answer {
    tenant
        .send(
            tenant
                .http()
                .post(tenant.url(path))
                .header("content-type", "application/json")
                .body(body),
        )
        .await
}

fn arrays_of_a_tenant() -> Vec<(String, Value)> {
    vec![
        (
            format!("/api/v3/{MODEL}"),
            json!(["x", "https://images.example/x.png"]),
        ),
        (
            "/v1/endpoints".to_owned(),
            json!(["https://hooks.example/x", []]),
        ),
        (
            "/api/v3/model/pricing".to_owned(),
            json!([MODEL, { "prompt": "x" }]),
        ),
        (
            "/api/v3/user/usage_stats".to_owned(),
            json!(["2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z", null]),
        ),
        (
            "/api/v3/billings/search".to_owned(),
            json!([1, 20, null, null, null, null, null]),
        ),
        ("/api/v3/media/uploads".to_owned(), json!(["x.png", 10])),
    ]
}

fn arrays_of_an_operator() -> Vec<(&'static str, &'static str, Value)> {
    let own = TestIssuer::new("https://own.example").trust();
    let trust = json!([own["issuer"], own["audience"], own["keys"], null, null]);
    let mut with_trust = new_tenant("bolt", &[]);
    with_trust["trust"] = json!([trust]);
    let mut with_destination = new_tenant("bolt", std::slice::from_ref(&own));
    with_destination["destination"] = json!(["fluxgate-bolt", "", null, null]);
    vec![
        ("POST", "/tenants/acme/top-ups", json!(["1000", "again"])),
        ("POST", "/tenants", with_trust),
        ("POST", "/tenants", with_destination),
        (
            "PATCH",
            "/tenants/acme",
            json!([null, null, { "weight": 9 }]),
        ),
        ("PATCH", "/tenants/acme", json!({ "limits": [1, 1, 1, 1] })),
        (
            "PUT",
            "/tenants/acme/budget",
            json!(["5", "UTC", "none", null, "prepaid"]),
        ),
        ("PUT", "/tenants/acme/prices", json!([{}, "refuse"])),
    ]
}

/// serde takes an array for a struct, its fields in order, whatever unknown fields are denied.
#[tokio::test]
async fn an_array_is_no_object_on_any_route() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let operator = gateway.operator();

    for (path, body) in arrays_of_a_tenant() {
        let answer = raw(&tenant, &path, body.to_string()).await;
        let code = answer
            .body
            .get("error_code")
            .or_else(|| answer.body.get("code"))
            .cloned();
        assert_eq!(
            (answer.status.as_u16(), code),
            (400, Some(json!("invalid_json"))),
            "{path}: {:?}",
            answer.body
        );
    }
    for (method, path, body) in arrays_of_an_operator() {
        let answer = operator
            .send(method.parse().unwrap(), path, Some(&body))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code")),
            (400, "invalid_json".to_owned()),
            "{path} {body}"
        );
    }
    assert_eq!(tenant.balance_usd().await, 1.0);
    assert_eq!(
        operator.get("/tenants/acme").await.body["limits"],
        json!({})
    );
    assert_eq!(tenant.get("/v1/endpoints").await.body, json!([]));
}

fn bad_fields_of_a_tenant() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    vec![
        (
            "/v1/endpoints",
            json!({}),
            "url",
            "missing the required field 'url'",
        ),
        (
            "/v1/endpoints",
            json!({ "url": 7 }),
            "url",
            "must be a string",
        ),
        (
            "/api/v3/model/pricing",
            json!({ "inputs": {} }),
            "model_id",
            "missing the required field 'model_id'",
        ),
        (
            "/api/v3/model/price",
            json!({ "model_id": MODEL, "inputs": [] }),
            "inputs",
            "must be an object",
        ),
        (
            "/api/v3/user/usage_stats",
            json!({ "end_time": "2026-11-02T00:00:00Z" }),
            "start_time",
            "missing the required field 'start_time'",
        ),
        (
            "/api/v3/billings/search",
            json!({ "page": "one" }),
            "page",
            "must be a whole number",
        ),
        (
            "/api/v3/billings/search",
            json!({ "start_time": true }),
            "start_time",
            "milliseconds since the Unix epoch",
        ),
        (
            "/api/v3/predictions",
            json!({ "page": -1 }),
            "page",
            "must be a whole number",
        ),
    ]
}

type BadField = (
    &'static str,
    &'static str,
    Value,
    &'static str,
    &'static str,
);

fn bad_fields_of_an_operator() -> Vec<BadField> {
    vec![
        (
            "POST",
            "/tenants/acme/top-ups",
            json!({ "reference": "x" }),
            "amount_usd",
            "missing the required field 'amount_usd'",
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "limit": {} }),
            "limit",
            "unknown field",
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "limits": { "weight": "9" } }),
            "limits.weight",
            "must be a whole number",
        ),
        (
            "PATCH",
            "/tenants/acme",
            json!({ "trust": [{ "audience": "x" }] }),
            "trust[0].issuer",
            "missing the required field 'trust[0].issuer'",
        ),
    ]
}

/// In the provider's envelope and in problems alike.
#[tokio::test]
async fn what_is_missing_unknown_or_mistyped_is_named_as_the_field() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let operator = gateway.operator();

    for (path, body, field, told) in bad_fields_of_a_tenant() {
        let answer = raw(&tenant, path, body.to_string()).await;
        named(&answer, field, told);
    }
    for (method, path, body, field, told) in bad_fields_of_an_operator() {
        let answer = operator
            .send(method.parse().unwrap(), path, Some(&body))
            .await;
        named(&answer, field, told);
    }
}

fn named(answer: &Answer, field: &str, told: &str) {
    let text = answer.text("/message") + &answer.text("/detail");
    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (400, field),
        "{:?}",
        answer.body
    );
    assert!(text.contains(told), "{:?}", answer.body);
}

#[tokio::test]
async fn a_name_twice_is_refused_for_nobody_can_tell_which_was_meant() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let body = r#"{"prompt":"x","image":"https://images.example/x.png","prompt":"y"}"#;

    let answer = raw(&tenant, &format!("/api/v3/{MODEL}"), body.to_owned()).await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/error_code")),
        (400, "invalid_json".to_owned())
    );
    assert!(
        answer.text("/message").contains("'prompt' twice"),
        "{:?}",
        answer.body
    );
}

#[tokio::test]
async fn json_over_a_bound_is_400_and_says_which() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let object =
        |names: usize| -> Value { (0..names).map(|n| (format!("k{n}"), json!(0))).collect() };
    let inputs = |junk: Value| {
        json!({ "prompt": "x", "image": "https://images.example/x.png", "junk": junk }).to_string()
    };
    let deep = |levels: usize| {
        format!(
            "{{\"junk\":{}{}}}",
            "[".repeat(levels - 1),
            "]".repeat(levels - 1)
        )
    };
    let over = [
        (inputs(object(999)), "1000 keys"),
        (inputs(json!(vec![json!({ "": 0 }); 20_000])), "1000 keys"),
        (inputs(json!(vec![0; 10_001])), "10000 items"),
        (deep(65), "64 levels"),
    ];

    for path in [
        format!("/api/v3/{MODEL}"),
        "/api/v3/media/uploads".to_owned(),
    ] {
        for (body, bound) in &over {
            if path.ends_with("uploads") && body.len() > 60_000 {
                continue;
            }
            let answer = raw(&tenant, &path, body.clone()).await;
            assert_eq!(
                (answer.status.as_u16(), answer.text("/error_code")),
                (400, "json_too_complex".to_owned())
            );
            assert!(
                answer.text("/message").contains(bound),
                "{bound}: {:?}",
                answer.body
            );
            assert_eq!(answer.text("/field"), "junk");
        }
    }
    assert_eq!(gateway.emulator.request_count("submit"), 0);
    for within in [
        inputs(object(997)),
        inputs(json!(vec![0; 10_000])),
        deep(64),
    ] {
        let answer = raw(&tenant, &format!("/api/v3/{MODEL}"), within).await;
        assert_ne!(answer.text("/error_code"), "json_too_complex");
    }
}

/// Trusts, prices, settings and keys come in files.
#[test]
fn an_array_is_no_object_in_a_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let (data, file) = (folder.path().join("data"), folder.path().join("file"));
    let [data, file] = [&data, &file].map(|path| path.to_str().unwrap());
    assert!(
        process::run(&["tenants", "add", "acme", "--data", data])
            .status
            .success()
    );
    let refused = |args: &[&str], text: &str, why: &str| {
        std::fs::write(file, text).unwrap();
        let output = process::run(args);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && stderr.contains(why),
            "{text}: {stderr}"
        );
    };

    let trust = r#"[["https://own.example", "fluxgate", "oidc", null, null]]"#;
    refused(
        &["tenants", "change", "acme", "--trust", file, "--data", data],
        trust,
        "not a JSON list of trusts",
    );
    refused(
        &["prices", "set", "acme", "--file", file, "--data", data],
        r#"[{}, "refuse"]"#,
        "not a price book",
    );
    refused(
        &["serve", "--config", file, "--data", data],
        "bounds = [1000]",
        "'bounds' must be a table",
    );
    let secrets = std::path::Path::new(data).join("secrets.json");
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(&secrets).unwrap()).unwrap();
    let in_order = [
        "issuer_pkcs8",
        "capability",
        "s3_access_key",
        "s3_secret_key",
    ]
    .map(|name| kept[name].clone());
    std::fs::write(&secrets, json!(in_order).to_string()).unwrap();
    refused(
        &["token", "acme", "--data", data],
        "",
        "secrets.json is damaged",
    );
}
