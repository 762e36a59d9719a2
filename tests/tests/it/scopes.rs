//! What a token may be used for: its issuer's words, read by the tenant's trust.

use fluxgate_tests::operator::TestIssuer;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::{Value, json};

const ID: &str = "00000000000000000000000000000000";

async fn call(caller: &TestTenant, method: &str, path: &str) -> Answer {
    let method = method.parse().unwrap();
    caller
        .send(
            caller
                .http()
                .request(method, caller.url(path))
                .json(&json!({})),
        )
        .await
}

/// Every route of a tenant, and the scope that it asks for.
fn routes() -> Vec<(&'static str, String, &'static str)> {
    let of = |scope, method, path: &str| (method, path.replace("{id}", ID), scope);
    vec![
        of("submit", "POST", &format!("/api/v3/{MODEL}")),
        of("submit", "POST", "/api/v3/media/uploads"),
        of("submit", "POST", "/api/v3/media/upload/binary"),
        of("submit", "POST", "/api/v2/media/upload/binary"),
        of("read", "GET", "/api/v3/predictions/{id}/result"),
        of("read", "GET", "/api/v3/predictions/{id}"),
        of("read", "GET", "/api/v2/predictions/{id}/result"),
        of("read", "POST", "/api/v3/predictions"),
        of("submit", "POST", "/api/v3/predictions/delete"),
        of("submit", "DELETE", "/api/v3/predictions/{id}"),
        of("submit", "DELETE", "/v1/tasks/{id}"),
        of("read", "GET", "/api/v3/models"),
        of("read", "GET", "/v1/tasks/{id}/timeline"),
        of("read", "GET", "/v1/tasks/{id}/events"),
        of("submit", "POST", "/v1/tasks/{id}/archive"),
        of("submit", "POST", "/v1/tasks/{id}/cancel"),
        of("submit", "POST", "/v1/tasks/{id}/retry"),
        of("billing", "GET", "/api/v3/balance"),
        of("endpoints", "GET", "/api/v3/webhook/secret"),
        of("endpoints", "POST", "/v1/endpoints"),
        of("endpoints", "GET", "/v1/endpoints"),
        of("endpoints", "GET", "/v1/endpoints/{id}"),
        of("endpoints", "DELETE", "/v1/endpoints/{id}"),
    ]
}

#[tokio::test]
async fn a_token_without_the_scope_is_403_and_told_which() {
    let gateway = Gateway::start().await;
    let issuer = TestIssuer::new("https://id.example");
    let mut trust = issuer.trust();
    let words: Value = [
        ("img:run", "submit"),
        ("img:see", "read"),
        ("img:hooks", "endpoints"),
        ("img:pay", "billing"),
    ]
    .into_iter()
    .map(|(word, scope)| (word.to_owned(), json!([scope])))
    .collect::<serde_json::Map<_, _>>()
    .into();
    trust["scopes"] = json!({ "claim": "scope", "words": words });
    gateway.operator().tenant("acme", &[trust], "1").await;
    let base_url = gateway.server.base_url();
    let words = ["img:run", "img:see", "img:hooks", "img:pay"];
    let scopes = ["submit", "read", "endpoints", "billing"];
    let callers = words.map(|word| issuer.caller("acme", &base_url, Some(("scope", word))));

    for (method, path, scope) in routes() {
        for (caller, has) in callers.iter().zip(scopes) {
            let answer = call(caller, method, &path).await;
            if has == scope {
                assert!(
                    !matches!(answer.status.as_u16(), 401 | 403),
                    "{method} {path}: {:?}",
                    answer.body
                );
                continue;
            }
            assert_eq!(answer.status, 403, "{method} {path} with {has}");
            let (code, text) = if path.starts_with("/api/") {
                ("/error_code", "/message")
            } else {
                ("/code", "/detail")
            };
            assert_eq!(answer.text(code), "scope_missing");
            assert!(
                answer.text(text).contains(&format!("'{scope}'")),
                "{:?}",
                answer.body
            );
        }
    }
    for claim in [None, Some(("scope", "unknown words"))] {
        assert_eq!(
            issuer
                .caller("acme", &base_url, claim)
                .get("/api/v3/balance")
                .await
                .status,
            403
        );
    }
    let all = issuer.caller(
        "acme",
        &base_url,
        Some(("scope", "img:run img:see img:pay")),
    );
    let task = all.submit(&all.inputs().await).await;
    assert_eq!(all.ended(&task).await["status"], "completed");
}

#[tokio::test]
async fn scopes_that_cannot_be_are_refused() {
    let gateway = Gateway::start().await;
    let issuer = TestIssuer::new("https://id.example");

    for (scopes, code) in [
        (
            json!({ "claim": "scope", "words": { "x": ["everything"] } }),
            "invalid_json",
        ),
        (
            json!({ "claim": "", "words": { "x": ["read"] } }),
            "invalid_trust",
        ),
        (json!({ "claim": "scope", "words": {} }), "invalid_trust"),
    ] {
        let mut trust = issuer.trust();
        trust["scopes"] = scopes;
        let new = fluxgate_tests::operator::new_tenant("acme", &[trust]);
        let answer = gateway.operator().post("/tenants", &new).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code").as_str()),
            (400, code)
        );
    }
    assert_eq!(gateway.operator().get("/tenants").await.body, json!([]));
}
