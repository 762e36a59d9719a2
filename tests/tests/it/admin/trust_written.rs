//! What a trust may say: audiences, claims, scopes, presets; and what of it is refused.

use fluxgate_tests::Gateway;
use fluxgate_tests::operator::{TestIssuer, new_tenant};
use serde_json::{Value, json};

use super::ISSUER;

/// A trust in the issuer with these fields beside it.
fn with(issuer: &TestIssuer, fields: Value) -> Value {
    let mut trust = issuer.trust();
    let Value::Object(fields) = fields else {
        panic!("the fields of a trust are an object");
    };
    trust.as_object_mut().unwrap().extend(fields);
    trust
}

#[tokio::test]
async fn two_tenants_with_the_same_claim_and_value_are_both_named_however_it_is_written() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    operator.tenant("acme", &[issuer.trust_for("a")], "1").await;
    let short = with(
        &issuer,
        json!({ "tenant_pointer": "/org", "tenant_value": "a" }),
    );

    let refused = operator
        .post("/tenants", &new_tenant("bolt", &[short]))
        .await;

    let code = refused.text("/code");
    assert_eq!(
        (refused.status.as_u16(), code.as_str()),
        (409, "issuer_ambiguous")
    );
    for told in ["'acme'", "'bolt'", "'a' at '/org'"] {
        assert!(refused.text("/detail").contains(told), "{:?}", refused.body);
    }
}

#[tokio::test]
async fn two_tenants_may_ask_other_claims_and_a_token_with_both_is_401() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    let by_subject = with(
        &issuer,
        json!({ "tenant_pointer": "/sub", "tenant_value": "someone" }),
    );
    operator.tenant("acme", &[issuer.trust_for("a")], "1").await;
    operator.tenant("bolt", &[by_subject], "2").await;
    let base_url = gateway.server.base_url();

    let both = issuer.caller("any", &base_url, Some(("org", "a")));
    let refused = both.get("/api/v3/balance").await;
    let one = issuer.caller("bolt", &base_url, Some(("org", "b")));

    let code = refused.text("/error_code");
    assert_eq!(
        (refused.status.as_u16(), code.as_str()),
        (401, "tenant_unknown")
    );
    let text = refused.text("/message");
    assert!(
        text.contains("several tenants") && text.contains("'/org'"),
        "{text}"
    );
    assert_eq!(one.balance_usd().await, 2.0);
}

#[tokio::test]
async fn a_claim_that_users_can_edit_needs_force_once() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    for pointer in ["/user_metadata/org", "/unsafe_metadata/org", "email"] {
        let editable = with(&issuer, json!({ "tenant_pointer": pointer }));
        let new = new_tenant("acme", &[editable]);
        let refused = operator.post("/tenants", &new).await;
        let code = refused.text("/code");
        assert_eq!(
            (refused.status.as_u16(), code.as_str()),
            (400, "user_editable_claim")
        );
    }
    let editable = with(
        &issuer,
        json!({ "scopes_pointer": "/user_metadata/scopes" }),
    );

    let new = new_tenant("acme", std::slice::from_ref(&editable));
    let refused = operator.post("/tenants", &new).await;
    let forced = operator.post("/tenants?force=true", &new).await;
    let other = TestIssuer::new("https://other.example").trust();
    let changed = json!({ "trust": [editable, other] });
    let changed = operator.patch("/tenants/acme", &changed).await;

    assert_eq!(refused.text("/code"), "user_editable_claim");
    assert!(refused.text("/detail").contains("'/user_metadata/scopes'"));
    assert_eq!(
        (forced.status.as_u16(), changed.status.as_u16()),
        (201, 200),
        "{:?}",
        changed.body
    );
    let audit = operator.get("/audit?limit=1").await.body;
    assert!(
        audit.to_string().contains("/user_metadata/scopes"),
        "{audit}"
    );
}

#[tokio::test]
async fn any_audience_is_an_explicit_choice_beside_a_claim() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    let bare = with(&issuer, json!({ "audience": null }));
    let mut silent = issuer.trust();
    silent.as_object_mut().unwrap().remove("audience");

    for (trust, field, told) in [
        (bare.clone(), "trust", "needs a claim"),
        (silent, "trust[0].audience", "missing the required field"),
        (
            with(&issuer, json!({ "audience": [] })),
            "trust[0].audience",
            "1 to 16 texts",
        ),
        (
            with(&issuer, json!({ "audience": ["a", ""] })),
            "trust[0].audience",
            "1 to 16 texts",
        ),
    ] {
        let refused = operator
            .post("/tenants", &new_tenant("acme", &[trust]))
            .await;
        assert_eq!(refused.text("/code"), "invalid_trust", "{:?}", refused.body);
        assert_eq!(refused.text("/field"), field);
        assert!(refused.text("/detail").contains(told), "{:?}", refused.body);
    }
    let mut named = bare;
    named["claim"] = json!({ "name": "org", "value": "a" });
    operator.tenant("acme", &[named], "1").await;
    let caller = issuer.caller("acme", &gateway.server.base_url(), Some(("org", "a")));
    assert_eq!(caller.balance_usd().await, 1.0);
}

#[tokio::test]
async fn short_forms_and_presets_are_shown_as_what_they_mean() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    let short = json!({
        "issuer": ISSUER, "audience": ["a", "b"], "audience_claim": "/azp",
        "tenant_pointer": "/o/id", "scopes_pointer": "/roles",
    });
    let preset = json!({ "preset": "cognito:eu-central-1_AbC", "audience": "client-1" });

    let created = operator
        .post("/tenants", &new_tenant("acme", &[short, preset]))
        .await;

    assert_eq!(created.status, 201, "{:?}", created.body);
    assert_eq!(
        operator.get("/tenants/acme").await.body["trust"],
        json!([
            {
                "issuer": ISSUER, "audience": ["a", "b"], "audience_claim": "azp", "keys": "oidc",
                "claim": { "name": "/o/id", "value": "acme" }, "scopes": { "claim": "roles" },
            },
            {
                "issuer": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbC",
                "audience": "client-1", "audience_claim": "client_id", "keys": "oidc",
                "claim": { "name": "cognito:groups", "value": "acme" },
            },
        ])
    );
    let shown = operator.get("/tenants/acme").await.body["trust"].clone();
    let again = operator
        .patch("/tenants/acme", &json!({ "trust": shown }))
        .await;
    assert_eq!((again.status.as_u16(), &again.body["trust"]), (200, &shown));
}

#[tokio::test]
async fn a_trust_that_cannot_be_is_refused_by_its_field() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    let long = "/a".repeat(17);
    for (fields, field, told) in [
        (
            json!({ "tenant_pointer": "/a~2" }),
            "trust[0].claim",
            "RFC 6901",
        ),
        (
            json!({ "tenant_pointer": long }),
            "trust[0].claim",
            "at most 16 parts",
        ),
        (
            json!({ "tenant_pointer": "" }),
            "trust[0].claim",
            "name is empty",
        ),
        (
            json!({ "tenant_value": "x" }),
            "trust[0].claim",
            "needs 'tenant_pointer'",
        ),
        (
            json!({ "claim": { "name": "org", "value": "" } }),
            "trust[0].claim",
            "needs a value",
        ),
        (
            json!({ "claim": { "name": "org", "value": "a" }, "tenant_value": "b" }),
            "trust[0].claim",
            "give 'claim', or",
        ),
        (
            json!({ "audience_claim": "/~" }),
            "trust[0].audience_claim",
            "RFC 6901",
        ),
        (
            json!({ "scopes": { "claim": "scope" }, "scopes_pointer": "/x" }),
            "trust[0].scopes",
            "give 'scopes' or",
        ),
        (
            json!({ "preset": "okta:acme" }),
            "trust[0].preset",
            "there are cognito, auth0",
        ),
        (
            json!({ "preset": "entra:a/b" }),
            "trust[0].preset",
            "needs the directory",
        ),
    ] {
        let new = new_tenant("acme", &[with(&issuer, fields)]);
        let refused = operator.post("/tenants", &new).await;
        let code = refused.text("/code");
        assert_eq!(
            (refused.status.as_u16(), code.as_str()),
            (400, "invalid_trust")
        );
        assert_eq!(refused.text("/field"), field, "{:?}", refused.body);
        assert!(refused.text("/detail").contains(told), "{:?}", refused.body);
    }
    assert_eq!(operator.get("/tenants").await.body, json!([]));
}
