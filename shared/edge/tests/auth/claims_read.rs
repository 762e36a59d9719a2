//! Audiences, tenants and scopes wherever an issuer writes them.

use std::collections::BTreeSet;

use fluxgate_core::tenant::{KeySource, Scope, Trust};
use serde_json::{Value, json};

use crate::signing::{TestKey, jwks};
use crate::world::{AUDIENCE, World};

/// A world with a tenant for each trust, all of one issuer and key; a trust is its JSON without
/// issuer and keys.
async fn world_with(key: &TestKey, tenants: &[(&str, Value)]) -> World {
    let world = World::new().await;
    for (tenant, trust) in tenants {
        let mut trust = trust.clone();
        trust["issuer"] = json!(world.issuer.url);
        trust["keys"] = serde_json::to_value(KeySource::Jwks(jwks(&[key]))).unwrap();
        let trust: Trust = serde_json::from_value(trust).unwrap();
        world.tenants.add(tenant, trust);
    }
    world
}

fn by(name: &str, value: &str) -> Value {
    json!({ "audience": AUDIENCE, "claim": { "name": name, "value": value } })
}

#[tokio::test]
async fn a_tenant_is_found_by_text_numbers_and_lists_at_a_pointer() {
    let key = TestKey::ed("d");
    for (name, value, claims) in [
        (
            "/app_metadata/tenant_id",
            "acme",
            json!({"app_metadata": {"tenant_id": "acme"}}),
        ),
        (
            "/https:~1~1acme.example~1org",
            "acme",
            json!({"https://acme.example/org": "acme"}),
        ),
        (
            "https://acme.example/org",
            "acme",
            json!({"https://acme.example/org": "acme"}),
        ),
        ("/account", "42", json!({"account": 42})),
        ("/groups", "acme", json!({"groups": ["users", "acme", 7]})),
        ("/groups/0/id", "acme", json!({"groups": [{"id": "acme"}]})),
    ] {
        let world = world_with(&key, &[("acme", by(name, value))]).await;
        let mut all = world.claims();
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());

        assert_eq!(world.tenant(&key.token(&all)).await, "acme", "{name}");
        let code = world.refused(&key.token(&world.claims())).await;
        assert_eq!(code, "tenant_unknown", "{name}");
    }
}

#[tokio::test]
async fn what_is_found_instead_is_told_by_its_pointer_and_never_by_its_value() {
    let key = TestKey::ed("d");
    let world = world_with(&key, &[("acme", by("/org", "acme"))]).await;

    for (org, told) in [
        (json!(null), "nothing at '/org'"),
        (
            json!({"id": "secret"}),
            "at '/org' it has an object, where text",
        ),
        (json!(true), "at '/org' it has true or false, where text"),
        (json!("secret"), "what it has at '/org' is no tenant's"),
        (json!(["secret"]), "what it has at '/org' is no tenant's"),
    ] {
        let why = world
            .why_refused(&key.token(&world.claims_with("org", org)))
            .await;
        assert!(why.contains(told) && !why.contains("secret"), "{why}");
    }
}

#[tokio::test]
async fn a_token_that_matches_two_tenants_says_by_what() {
    let key = TestKey::ed("d");
    let of = |name: &str, value: &str| by(name, value);
    let list = world_with(
        &key,
        &[("acme", of("/orgs", "a")), ("bolt", of("/orgs", "b"))],
    )
    .await;
    let claims = [("acme", of("/org", "a")), ("bolt", of("/team", "b"))];
    let claims = world_with(&key, &claims).await;
    let mut both = claims.claims_with("org", "a");
    both["team"] = json!("b");

    let one = key.token(&list.claims_with("orgs", json!(["x", "b"])));
    assert_eq!(list.tenant(&one).await, "bolt");
    let token = key.token(&list.claims_with("orgs", json!(["a", "b"])));
    assert_eq!(list.refused(&token).await, "tenant_unknown");
    let why = list.why_refused(&token).await;
    assert!(
        why.contains("several tenants: the list at '/orgs'"),
        "{why}"
    );
    let why = claims.why_refused(&key.token(&both)).await;
    assert!(why.contains("one by '/org', another by '/team'"), "{why}");
    assert_eq!(
        claims
            .tenant(&key.token(&claims.claims_with("team", "b")))
            .await,
        "bolt"
    );
}

#[tokio::test]
async fn an_audience_is_read_from_its_own_claim_and_may_be_one_of_several() {
    let key = TestKey::ed("d");
    let trust = json!({ "audience": ["app-1", "app-2"], "audience_claim": "azp" });
    let world = world_with(&key, &[("acme", trust)]).await;
    let with = |azp: Value| key.token(&world.claims_with("azp", azp));

    for azp in [json!("app-1"), json!("app-2"), json!(["x", "app-2"])] {
        assert_eq!(world.tenant(&with(azp)).await, "acme");
    }
    for azp in [
        json!("app-3"),
        json!(null),
        json!(["app-1", 7]),
        json!({"app-1": 1}),
        json!(7),
    ] {
        assert_eq!(world.refused(&with(azp)).await, "token_audience");
    }
    let why = world.why_refused(&key.token(&world.claims())).await;
    assert!(why.contains("its 'azp' does not contain"), "{why}");
}

#[tokio::test]
async fn any_audience_is_taken_where_the_trust_says_so() {
    let key = TestKey::ed("d");
    let trust = json!({ "audience": null, "claim": { "name": "org", "value": "a" } });
    let world = world_with(&key, &[("acme", trust)]).await;
    let mut claims = world.claims_with("org", "a");

    claims["aud"] = json!("https://elsewhere.example");
    assert_eq!(world.tenant(&key.token(&claims)).await, "acme");
    claims.as_object_mut().unwrap().remove("aud");
    assert_eq!(world.tenant(&key.token(&claims)).await, "acme");
}

#[tokio::test]
async fn scopes_are_read_from_texts_lists_and_roles() {
    let key = TestKey::ed("d");
    let none: [Scope; 0] = [];
    let (submit, all) = ([Scope::Submit].to_vec(), Scope::UNMAPPED.to_vec());
    let at = |claim: &str| json!({ "claim": claim });
    let words = json!({ "claim": "/roles", "words": { "painter": ["submit"] } });
    for (scopes, claim, value, granted) in [
        (at("scope"), "scope", json!("openid submit"), &submit),
        (at("/scp"), "scp", json!(["Images.Submit", 7]), &submit),
        (
            at("permissions"),
            "permissions",
            json!(["submit:images", "read:billing"]),
            &submit,
        ),
        (
            at("/realm/roles"),
            "realm",
            json!({"roles": ["submit", "offline_access"]}),
            &submit,
        ),
        (
            words.clone(),
            "roles",
            json!(["painter", "submit"]),
            &submit,
        ),
        (words, "roles", json!(["submit"]), &none.to_vec()),
        (at("/roles"), "other", json!("submit"), &none.to_vec()),
        (
            at("/roles"),
            "roles",
            json!({"submit": true}),
            &none.to_vec(),
        ),
        (
            json!(null),
            "scope",
            json!("openid fluxgate/submit"),
            &submit,
        ),
        (json!(null), "scope", json!("openid submit"), &all),
    ] {
        let trust = json!({ "audience": AUDIENCE, "scopes": scopes });
        let world = world_with(&key, &[("acme", trust)]).await;
        let token = key.token(&world.claims_with(claim, value.clone()));

        let principal = world.authenticate(&token).await.unwrap();

        let granted: BTreeSet<Scope> = granted.iter().copied().collect();
        assert_eq!(principal.scopes, granted, "{value} at {claim}");
    }
}
