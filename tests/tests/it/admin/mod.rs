//! Tenants by the admin API: made and changed; and what is refused, with nothing half done.

mod audit_log;
mod callbacks;
mod suspension;
mod tokens;
mod trust;
mod trust_checked;
mod trust_written;

use fluxgate_tests::operator::TestIssuer;
use fluxgate_tests::{Gateway, TestOperator};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";

#[tokio::test]
async fn nobody_without_the_admin_token_is_let_in() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for token in ["", "fga_0", tenant.token.as_str()] {
        let stranger = TestOperator::new(&gateway.server.base_url(), token);
        for answer in [
            stranger.get("/tenants").await,
            stranger.get("/audit").await,
            stranger.delete("/tenants/acme").await,
            stranger.put("/tenants", &json!({})).await,
        ] {
            assert_eq!(
                (answer.status.as_u16(), answer.text("/code").as_str()),
                (401, "admin_token")
            );
            let detail = answer.text("/detail");
            assert!(detail.contains("fluxgate token --admin"), "{detail}");
            assert_eq!(detail.contains("is not accepted"), !token.is_empty());
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    assert_eq!(tenant.get("/api/v3/balance").await.status, 200);
    assert_eq!(
        gateway.operator().get("/tenants").await.body[0]["id"],
        "acme"
    );
}

#[tokio::test]
async fn a_tenant_that_the_api_made_works_at_once() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    operator.tenant("acme", &[issuer.trust()], "1").await;

    let tenant = issuer.caller("acme", &gateway.server.base_url(), None);
    let task = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    let probe = operator
        .post("/tenants/acme/destination/probe", &json!({}))
        .await;
    assert_eq!(
        (probe.status.as_u16(), &probe.body["passed"]),
        (200, &json!(true)),
        "{:?}",
        probe.body
    );
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}

#[tokio::test]
async fn a_changed_destination_takes_later_outputs() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let destination = json!({ "destination": { "bucket": "another-bucket", "prefix": "p/q" } });

    let changed = operator.patch("/tenants/acme", &destination).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(changed.status, 200, "{:?}", changed.body);
    assert!(
        prediction["objects"][0]["s3_uri"]
            .as_str()
            .unwrap()
            .starts_with("s3://another-bucket/p/q/")
    );
}

fn refused_changes(issuer: &TestIssuer) -> Vec<(Value, &'static str)> {
    vec![
        (json!({}), "nothing_to_change"),
        (json!({ "state": "suspended" }), "invalid_json"),
        (
            json!({ "trust": vec![json!({ "issuer": ISSUER, "audience": "a", "keys": "oidc" }); 17] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "", "keys": "oidc" }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": "i".repeat(1_025), "audience": "a", "keys": { "jwks_url": "https://a.example" } }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": "urn:x", "audience": "a", "keys": "oidc" }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": { "jwks_url": "x" } }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": { "jwks": {} } }] }),
            "invalid_trust",
        ),
        // A misspelt restriction would restrict nothing, so the trust is refused.
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": "oidc", "scope": { "claim": "scope", "words": {} } }] }),
            "invalid_json",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": "oidc", "claims": { "name": "org", "value": "acme" } }] }),
            "invalid_json",
        ),
        // The trust is valid and the destination is not: neither is changed.
        (
            json!({ "trust": [issuer.trust()], "destination": { "bucket": "No Bucket" } }),
            "invalid_bucket",
        ),
        (
            json!({ "destination": { "bucket": "b-1", "prefix": "a/../b" } }),
            "invalid_prefix",
        ),
        (
            json!({ "destination": { "bucket": "b-1", "role_arn": "x" } }),
            "invalid_role",
        ),
        (
            json!({ "destination": { "bucket": "b-1", "role_arn": "arn:aws:iam::210987654321:role/x" } }),
            "invalid_role",
        ),
    ]
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_nothing_is() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let issuer = TestIssuer::new(ISSUER);
    let before = (
        operator.get("/tenants/acme").await.body,
        operator.audit().await,
    );

    for (change, code) in refused_changes(&issuer) {
        let answer = operator.patch("/tenants/acme", &change).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code").as_str()),
            (400, code),
            "{change}"
        );
    }
    assert_eq!(
        operator
            .patch("/tenants/nobody", &json!({ "trust": [issuer.trust()] }))
            .await
            .status,
        404
    );
    assert_eq!(
        (
            operator.get("/tenants/acme").await.body,
            operator.audit().await
        ),
        before
    );
}
