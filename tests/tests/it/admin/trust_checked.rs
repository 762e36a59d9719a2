//! The admin API explains tokens and looks at tenants' issuers.

use axum::{Json, Router, routing::get};
use fluxgate_tests::Gateway;
use fluxgate_tests::operator::{TestIssuer, new_tenant};
use serde_json::{Value, json};

use super::ISSUER;

fn failed(body: &Value) -> Vec<(String, String)> {
    let checks = body["checks"].as_array().cloned().unwrap_or_default();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap_or_default().to_owned();
    let failed = checks.iter().filter(|check| check["passed"] == false);
    failed
        .map(|check| (text(check, "name"), text(check, "text")))
        .collect()
}

#[tokio::test]
async fn a_token_is_explained_claim_by_claim_and_not_shown() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    operator.tenant("acme", &[issuer.trust_for("a")], "1").await;
    operator.tenant("bolt", &[issuer.trust_for("b")], "1").await;
    let good = issuer.token(Some(("org", "a")));
    let other = issuer.token(Some(("org", "c")));

    let accepted = operator
        .post("/trust/check", &json!({ "token": good }))
        .await;
    let bearer = json!({ "token": format!("Bearer {good}\n") });
    let of_bolt = operator.post("/tenants/bolt/trust/check", &bearer).await;
    let refused = operator
        .post("/trust/check", &json!({ "token": other }))
        .await;

    assert_eq!(accepted.body["accepted"], true, "{:?}", accepted.body);
    assert_eq!(accepted.body["tenant"], "acme");
    assert_eq!(
        accepted.body["scopes"],
        json!(["submit", "read", "endpoints", "billing"])
    );
    assert_eq!(
        (&of_bolt.body["accepted"], failed(&of_bolt.body).len()),
        (&json!(false), 1)
    );
    assert!(
        failed(&of_bolt.body)[0]
            .1
            .contains("'bolt' wants 'b' at '/org'")
    );
    let told = failed(&refused.body);
    assert!(
        told[0].1.contains("'acme' wants 'a'") && told[0].1.contains("has 'c'"),
        "{told:?}"
    );
    for answer in [accepted, of_bolt, refused] {
        let body = answer.body.to_string();
        for part in good.split('.').chain(other.split('.')) {
            assert!(!body.contains(part), "{body}");
        }
    }
}

#[tokio::test]
async fn what_is_no_token_and_who_is_no_tenant_are_answered_as_such() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    let nobody = operator
        .post("/tenants/nobody/trust/check", &json!({ "token": "x" }))
        .await;
    let probed = operator
        .post("/tenants/nobody/trust/probe", &json!({}))
        .await;
    let misspelt = operator.post("/trust/check", &json!({ "jwt": "x" })).await;

    assert_eq!((nobody.status.as_u16(), probed.status.as_u16()), (404, 404));
    assert_eq!(misspelt.text("/code"), "invalid_json");
    for token in ["", "x", "a.b.c", &"x".repeat(20_000)] {
        let answer = operator
            .post("/trust/check", &json!({ "token": token }))
            .await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["accepted"]),
            (200, &json!(false))
        );
        assert_eq!(failed(&answer.body)[0].0, "token");
    }
}

#[tokio::test]
async fn a_probe_names_the_keys_that_verify_and_those_that_are_dropped() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    let mut keys = issuer.trust()["keys"]["jwks"].clone();
    let dropped = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "cut", "x": "AAEC" });
    keys["keys"].as_array_mut().unwrap().push(dropped);
    let url = served(keys).await;
    let mut trust = issuer.trust();
    trust["keys"] = json!({ "jwks_url": url });
    let silent = json!({ "issuer": "http://127.0.0.1:9", "audience": "x" });
    operator.tenant("acme", &[trust, silent], "1").await;

    let probed = operator
        .post("/tenants/acme/trust/probe", &json!({}))
        .await
        .body;

    assert_eq!(probed["passed"], false);
    let first = &probed["trusts"][0];
    assert_eq!(first["keys"][0]["algorithms"], json!(["EdDSA"]), "{probed}");
    assert_eq!(first["dropped"][0]["kid"], "cut");
    assert!(
        first["text"]
            .as_str()
            .unwrap()
            .contains("'cut' is malformed"),
        "{probed}"
    );
    let second = probed["trusts"][1]["text"].as_str().unwrap();
    assert!(second.contains("cannot be fetched"), "{probed}");
    let caller = issuer.caller("acme", &gateway.server.base_url(), None);
    assert_eq!(caller.balance_usd().await, 1.0, "the other key verifies");
}

#[tokio::test]
async fn a_key_set_of_ten_megabytes_is_refused_with_what_to_do() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    let url = served(json!({ "keys": [], "padding": "x".repeat(10 * 1024 * 1024) })).await;
    let mut trust = issuer.trust();
    trust["keys"] = json!({ "jwks_url": url });
    let created = operator
        .post("/tenants", &new_tenant("acme", &[trust]))
        .await;
    assert_eq!(created.status, 201, "{:?}", created.body);

    let caller = issuer.caller("acme", &gateway.server.base_url(), None);
    let refused = caller.get("/api/v3/balance").await;
    let probed = operator
        .post("/tenants/acme/trust/probe", &json!({}))
        .await
        .body;

    let code = refused.text("/error_code");
    assert_eq!(
        (refused.status.as_u16(), code.as_str()),
        (503, "key_set_unavailable")
    );
    assert!(
        refused.text("/message").contains("too large to be read"),
        "{:?}",
        refused.body
    );
    assert!(
        probed["trusts"][0]["text"]
            .as_str()
            .unwrap()
            .contains("is over 524288 bytes")
    );
}

/// The URL of a key set.
async fn served(keys: Value) -> String {
    let router = Router::new().route("/keys", get(move || async move { Json(keys) }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}
