//! What a tenant may say of an endpoint, and what is refused with nothing changed.

use fluxgate_tests::Gateway;
use serde_json::{Value, json};

/// Everything that can be said of an endpoint but its URL.
fn all_fields() -> Value {
    json!({
        "description": "orders of the shop",
        "metadata": { "team": "shop" },
        "event_types": ["task.completed", "task.failed"],
        "filter": { "models": ["wavespeed-ai/flux-kontext-max"], "metadata": { "shop": "1" } },
        "headers": { "X-Api-Key": "top secret" },
        "payload": "thin",
        "ordering": "fifo",
        "signatures": "v1,v1a",
        "rate_per_second": 50,
        "concurrency": 4,
        "enabled": true,
    })
}

/// The view without what a request does not set.
fn said(view: &Value) -> Value {
    let mut said = view.clone();
    let object = said.as_object_mut().unwrap();
    for name in [
        "id",
        "url",
        "health",
        "secrets",
        "signing_keys",
        "jwks",
        "secret",
        "created_at",
        "updated_at",
        "recovery",
    ] {
        object.remove(name);
    }
    said
}

/// What is shown of a request's fields: of headers the names alone.
fn shown(request: &Value) -> Value {
    let mut shown = request.clone();
    let headers = shown["headers"].as_object().unwrap();
    let names: Vec<String> = headers.keys().map(|name| name.to_lowercase()).collect();
    shown["headers"] = json!(names);
    shown
}

#[tokio::test]
async fn an_endpoint_is_made_with_every_field_and_each_is_changed_alone() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut wanted = all_fields();
    wanted["url"] = "http://127.0.0.1:9/events".into();
    wanted["kind"] = "push".into();

    let created = tenant.created_endpoint(&wanted).await;
    wanted.as_object_mut().unwrap().remove("url");
    assert_eq!(said(&created.body), shown(&wanted));
    let path = format!("/v1/endpoints/{}", created.text("/id"));
    let mut expected = said(&tenant.get(&path).await.body);
    assert_eq!(expected, shown(&wanted));

    for (name, value) in [
        ("description", json!("another")),
        ("metadata", json!({ "team": "b" })),
        ("event_types", json!([])),
        ("payload", json!("full")),
        ("ordering", json!("none")),
        ("signatures", json!("v1a")),
        ("rate_per_second", Value::Null),
        ("concurrency", Value::Null),
        ("enabled", json!(false)),
    ] {
        let changed = tenant.patch(&path, &json!({ name: value })).await;
        assert_eq!(changed.status, 200, "{name}: {:?}", changed.body);
        expected[name] = value;
        assert_eq!(said(&changed.body), expected, "{name}");
    }
    let filter = json!({ "filter": { "models": [] } });
    let changed = tenant.patch(&path, &filter).await;
    expected["filter"]["models"] = json!([]);
    assert_eq!(
        said(&changed.body),
        expected,
        "the filter's other half stays"
    );
    let headers = json!({ "headers": { "x-api-key": null, "X-Other": "1" } });
    let changed = tenant.patch(&path, &headers).await;
    expected["headers"] = json!(["x-other"]);
    assert_eq!(said(&changed.body), expected);
    let elsewhere = json!({ "url": "http://127.0.0.1:9/elsewhere" });
    let changed = tenant.patch(&path, &elsewhere).await;
    assert_eq!(changed.text("/url"), "http://127.0.0.1:9/elsewhere");
    assert_eq!(said(&tenant.get(&path).await.body), expected);
}

#[tokio::test]
async fn enabling_what_is_enabled_and_an_empty_change_write_nothing() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (id, _) = tenant.endpoint("http://127.0.0.1:9/events").await;
    let path = format!("/v1/endpoints/{id}");
    let before = tenant.get(&path).await.body;

    for change in [
        json!({}),
        json!({ "enabled": true }),
        json!({ "filter": {} }),
    ] {
        let answer = tenant.patch(&path, &change).await;
        assert_eq!((answer.status.as_u16(), &answer.body), (200, &before));
    }
}

/// So many members, each with this value.
fn members(count: u32, value: &str) -> Value {
    let members = (0..count).map(|n| (format!("x-{n}"), Value::from(value)));
    members.collect::<serde_json::Map<_, _>>().into()
}

/// URLs that cannot be, with the code that says why.
fn impossible_urls() -> Vec<(String, &'static str)> {
    let long = format!("https://hooks.example/{}", "x".repeat(2_048));
    let urls = [
        "hooks",
        "",
        "ftp://hooks.example/",
        "https://u:p@hooks.example/",
        &long,
    ];
    let addresses = [
        "http://8.8.8.8/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/",
    ];
    let urls = urls.map(|url| (url.to_owned(), "invalid_callback_url"));
    let addresses = addresses.map(|url| (url.to_owned(), "forbidden_address"));
    urls.into_iter().chain(addresses).collect()
}

/// Fields that cannot be, with the codes that say why.
fn impossible_fields() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("description", "x".repeat(257).into(), "invalid_parameter"),
        ("description", "a\r\nb".into(), "invalid_parameter"),
        ("metadata", members(17, ""), "invalid_metadata"),
        (
            "metadata",
            json!({ "a": "x".repeat(512) }),
            "invalid_metadata",
        ),
        ("event_types", json!(["task.done"]), "invalid_parameter"),
        ("headers", json!({ "Webhook-Id": "1" }), "invalid_header"),
        (
            "headers",
            json!({ "Content-Length": "1" }),
            "invalid_header",
        ),
        ("headers", json!({ "Host": "a" }), "invalid_header"),
        ("headers", json!({ "x y": "1" }), "invalid_header"),
        ("headers", json!({ "x": "1\r\ny: 2" }), "invalid_header"),
        (
            "headers",
            json!({ "X-Key": "1", "x-key": "2" }),
            "invalid_header",
        ),
        ("headers", members(100, "1"), "too_many_headers"),
        ("payload", "half".into(), "invalid_json"),
        ("ordering", "lifo".into(), "invalid_json"),
        ("signatures", "v2".into(), "invalid_json"),
        ("rate_per_second", 0.into(), "invalid_parameter"),
        ("rate_per_second", 1_001.into(), "invalid_parameter"),
        ("concurrency", 0.into(), "invalid_parameter"),
        ("concurrency", 101.into(), "invalid_parameter"),
        ("concurrency", (-1).into(), "invalid_json"),
        ("enabled", "yes".into(), "invalid_json"),
        ("release", "soon".into(), "invalid_parameter"),
        ("release", "all".into(), "invalid_parameter"),
        ("colour", "red".into(), "invalid_json"),
    ]
}

/// What cannot be, the code and the field that are named.
fn impossible() -> Vec<(Value, &'static str, &'static str)> {
    let models: Vec<String> = (0..51).map(|n| format!("a/b{n}")).collect();
    let urls = impossible_urls().into_iter();
    let fields = impossible_fields().into_iter();
    let filters = [
        (
            "filter.models",
            json!({ "models": models }),
            "invalid_parameter",
        ),
        (
            "filter.models",
            json!({ "models": ["no model"] }),
            "invalid_id",
        ),
        (
            "filter.metadata",
            json!({ "metadata": members(17, "") }),
            "invalid_metadata",
        ),
    ];
    let filters = filters.map(|(field, filter, code)| (json!({ "filter": filter }), code, field));
    urls.map(|(url, code)| (json!({ "url": url }), code, "url"))
        .chain(fields.map(|(field, value, code)| (json!({ field: value }), code, field)))
        .chain(filters)
        .collect()
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_its_field_and_changes_nothing() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut first = all_fields();
    first["url"] = "http://127.0.0.1:9/events".into();
    let id = tenant.created_endpoint(&first).await.text("/id");
    let path = format!("/v1/endpoints/{id}");
    let before = tenant.get("/v1/endpoints").await.body;

    for (fields, code, field) in impossible() {
        let mut creation = json!({ "url": "http://127.0.0.1:9/new" });
        // What may be said together with it is not written either.
        let mut change = json!({ "description": "changed" });
        for (name, value) in fields.as_object().unwrap() {
            creation[name] = value.clone();
            change[name] = value.clone();
        }
        for answer in [
            tenant.post("/v1/endpoints", &creation).await,
            tenant.patch(&path, &change).await,
        ] {
            let told = (
                answer.status.as_u16(),
                answer.text("/code"),
                answer.text("/field"),
            );
            let wanted = (400, code.to_owned(), field.to_owned());
            assert_eq!(
                told,
                wanted,
                "{:.200}: {:?}",
                fields.to_string(),
                answer.body
            );
            assert!(
                !answer.body.to_string().contains("y: 2"),
                "{:?}",
                answer.body
            );
        }
    }
    assert_eq!(tenant.get("/v1/endpoints").await.body, before);
}

#[tokio::test]
async fn a_creation_needs_a_url_and_a_secret_that_can_sign() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let url = "http://127.0.0.1:9/events";

    for (body, code, field) in [
        (json!({}), "missing_parameter", "url"),
        (json!({ "url": null }), "missing_parameter", "url"),
        (
            json!({ "url": url, "secret": "short" }),
            "invalid_webhook_secret",
            "secret",
        ),
        (
            json!({ "url": url, "secret": "whsec_c2hvcnQ=" }),
            "invalid_webhook_secret",
            "secret",
        ),
        (
            json!({ "url": url, "secret": "whsec_no base64" }),
            "invalid_webhook_secret",
            "secret",
        ),
    ] {
        let answer = tenant.post("/v1/endpoints", &body).await;
        let told = (
            answer.status.as_u16(),
            answer.text("/code"),
            answer.text("/field"),
        );
        assert_eq!(told, (400, code.to_owned(), field.to_owned()), "{body}");
    }
    assert_eq!(tenant.get("/v1/endpoints").await.body, json!([]));
    let (id, _) = tenant.endpoint(url).await;
    let secret = json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" });
    let changed = tenant.patch(&format!("/v1/endpoints/{id}"), &secret).await;
    assert_eq!(
        (changed.status.as_u16(), changed.text("/field")),
        (400, "secret".to_owned())
    );
    assert!(changed.text("/detail").contains("/secret, with an overlap"));
}

#[tokio::test]
async fn a_url_is_one_endpoint_s_until_that_is_gone() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let url = "http://127.0.0.1:9/events";
    let (first, _) = tenant.endpoint(url).await;
    let (other, _) = tenant.endpoint("http://127.0.0.1:9/other").await;
    let path = format!("/v1/endpoints/{other}");

    let moving = json!({ "url": url });
    for answer in [
        tenant.post("/v1/endpoints", &moving).await,
        tenant.patch(&path, &moving).await,
    ] {
        let told = (
            answer.status.as_u16(),
            answer.text("/code"),
            answer.text("/field"),
        );
        assert_eq!(told, (409, "endpoint_exists".to_owned(), "url".to_owned()));
        assert!(answer.text("/detail").contains(&first), "{:?}", answer.body);
    }
    assert_eq!(
        tenant.get(&path).await.text("/url"),
        "http://127.0.0.1:9/other"
    );
    let gone = tenant.delete(&format!("/v1/endpoints/{first}")).await;
    assert_eq!(gone.status, 204);
    let moved = tenant.patch(&path, &moving).await;
    assert_eq!(moved.status, 200, "{:?}", moved.body);
}

#[tokio::test]
async fn an_endpoint_of_another_tenant_is_not_found_by_any_route() {
    let gateway = Gateway::start().await;
    let (tenant, stranger) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("other", "1").await,
    );
    let (id, _) = tenant.endpoint("http://127.0.0.1:9/events").await;
    let before = tenant.get("/v1/endpoints").await.body;

    for id in [id.as_str(), "none", &"0".repeat(32)] {
        let path = format!("/v1/endpoints/{id}");
        let mut answers = vec![
            stranger.get(&path).await,
            stranger.patch(&path, &json!({ "enabled": false })).await,
            stranger.delete(&path).await,
        ];
        for action in ["secret", "signing-key", "test", "recover"] {
            answers.push(stranger.post(&format!("{path}/{action}"), &json!({})).await);
        }
        for answer in answers {
            let told = (answer.status.as_u16(), answer.text("/code"));
            assert_eq!(told, (404, "not_found".to_owned()), "{:?}", answer.body);
        }
    }
    assert_eq!(tenant.get("/v1/endpoints").await.body, before);
}
