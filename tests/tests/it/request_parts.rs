//! Paths, queries and headers that cannot be read one way alone are refused, in the words of the
//! API that they were sent to.

use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, Stack, TestTenant};
use reqwest::Method;
use serde_json::{Value, json};

/// Its code and field; asserts that it is a 400 of the provider's kind under `/api`, and a problem
/// elsewhere.
fn refusal(path: &str, answer: &Answer) -> (String, String) {
    let content_type = answer.headers["content-type"].to_str().unwrap();
    assert_eq!(answer.status, 400, "{path}: {:?}", answer.body);
    if path.starts_with("/api/") {
        assert_eq!(
            (content_type, &answer.body["code"]),
            ("application/json", &json!(400)),
            "{path}"
        );
        (answer.text("/error_code"), answer.text("/field"))
    } else {
        assert_eq!(
            (content_type, &answer.body["status"]),
            ("application/problem+json", &json!(400)),
            "{path}"
        );
        (answer.text("/code"), answer.text("/field"))
    }
}

async fn asked(tenant: &TestTenant, method: &str, path: &str) -> (String, String) {
    let request = tenant
        .http()
        .request(method.parse().unwrap(), tenant.url(path))
        .json(&json!({}));
    refusal(path, &tenant.send(request).await)
}

const OF_TENANT: [(&str, &str, &str); 11] = [
    ("GET", "/api/v3/predictions/%ff/result", "id"),
    ("GET", "/api/v3/predictions/%ff", "id"),
    ("GET", "/api/v2/predictions/%ff/result", "id"),
    ("POST", "/api/v3/%ff/x", "owner"),
    ("POST", "/api/v3/o/m/%c3%28", "variant"),
    ("POST", "/api/v3/o/m/v/%ff", "version"),
    ("GET", "/v1/endpoints/%ff", "id"),
    ("DELETE", "/v1/endpoints/%ff", "id"),
    ("GET", "/v1/tasks/%ff/timeline", "id"),
    ("POST", "/v1/tasks/%ff/archive", "id"),
    ("GET", "/v1/tasks/%ed%a0%80/timeline", "id"),
];

#[tokio::test]
async fn a_path_that_is_not_utf_8_is_refused_in_the_words_of_its_api() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (method, path, field) in OF_TENANT {
        assert_eq!(
            asked(&tenant, method, path).await,
            ("invalid_path".to_owned(), field.to_owned()),
            "{path}"
        );
    }
    for (method, path, field) in [
        ("GET", "/tenants/%ff", "id"),
        ("PATCH", "/tenants/%ff", "id"),
        ("POST", "/tenants/%ff/top-ups", "id"),
        ("GET", "/tenants/%ff/budget", "id"),
        ("DELETE", "/tenants/acme/prices/o/%ff", "model"),
    ] {
        let answer = gateway
            .operator()
            .send(method.parse().unwrap(), path, Some(&json!({})))
            .await;
        assert_eq!(
            refusal(path, &answer),
            ("invalid_path".to_owned(), field.to_owned()),
            "{path}"
        );
    }
    for capability in ["/outputs/%ff/x/0/1/x", "/outputs/acme/x/0/1/%ff"] {
        assert_eq!(
            tenant.get(capability).await.text("/code"),
            "not_found",
            "it was never given out"
        );
    }
    let hook = tenant.post("/hooks/%ff/x/x", &json!({})).await;
    assert_eq!(
        (hook.status.as_u16(), hook.text("/code")),
        (404, "not_found".to_owned())
    );
    let wrong_method = tenant.get("/hooks/acme/x/x").await;
    assert_eq!(
        (wrong_method.status.as_u16(), wrong_method.text("/code")),
        (405, "method_not_allowed".to_owned())
    );
}

const QUERIES: [(&str, &str, &str); 6] = [
    ("GET", "/v1/usage?from=2026-11-01&from=2026-11-02", "from"),
    ("GET", "/v1/usage?to=2026-11-01&to=2026-11-01", "to"),
    ("GET", "/v1/usage?group_by=day&group_by=model", "group_by"),
    ("GET", "/v1/usage?format=csv&%66ormat=json", "format"),
    (
        "POST",
        "/api/v3/o/m?webhook=https://a.example/&webhook=https://b.example/",
        "webhook",
    ),
    (
        "POST",
        "/api/v3/o/m?webhook=https://a.example/%ff",
        "webhook",
    ),
];

#[tokio::test]
async fn what_is_given_twice_is_refused_and_named() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (method, path, field) in QUERIES {
        assert_eq!(
            asked(&tenant, method, path).await,
            ("invalid_parameter".to_owned(), field.to_owned()),
            "{path}"
        );
    }
    for (method, path, field) in [
        ("GET", "/audit?limit=1&limit=2", "limit"),
        ("GET", "/reconcile?from=2026-11-01&from=2026-11-02", "from"),
        (
            "DELETE",
            "/tenants/acme?forget_balance=false&forget_balance=true",
            "forget_balance",
        ),
        (
            "PATCH",
            "/tenants/acme/prices?force=true&force=false",
            "force",
        ),
    ] {
        let answer = gateway
            .operator()
            .send(method.parse().unwrap(), path, Some(&json!({})))
            .await;
        assert_eq!(
            refusal(path, &answer),
            ("invalid_parameter".to_owned(), field.to_owned()),
            "{path}"
        );
    }
    let inputs = tenant.inputs().await;
    let url = format!("/api/v3/{MODEL}");
    let submit = |keys: &[&str]| {
        let request = tenant.http().post(tenant.url(&url)).json(&inputs);
        keys.iter().fold(request, |request, key| {
            request.header("idempotency-key", *key)
        })
    };
    let repeated = tenant.send(submit(&["one", "two"])).await;
    assert_eq!(
        refusal(&url, &repeated),
        ("header_repeated".to_owned(), "Idempotency-Key".to_owned())
    );
    assert_eq!(gateway.emulator.request_count("submit"), 0);
    assert_eq!(tenant.send(submit(&["one"])).await.status, 200);
}

#[tokio::test]
async fn on_aws_paths_and_queries_are_refused_alike() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;

    for (method, path, field) in [OF_TENANT[0], OF_TENANT[3], OF_TENANT[6]] {
        assert_eq!(
            asked(&tenant, method, path).await,
            ("invalid_path".to_owned(), field.to_owned()),
            "{path}"
        );
    }
    for (method, path, field) in [QUERIES[0], QUERIES[4]] {
        assert_eq!(
            asked(&tenant, method, path).await,
            ("invalid_parameter".to_owned(), field.to_owned()),
            "{path}"
        );
    }
    let (status, body) = stack
        .admin_call(Method::GET, "/admin/v1/tenants/%ff", &Value::Null)
        .await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_path")));
}
