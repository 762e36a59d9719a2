//! Why a token is accepted or not, and what an issuer publishes, as the operator is told.

use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::KeySource;
use fluxgate_edge::auth::Explanation;
use serde_json::{Value, json};

use crate::signing::{TestKey, base64url, jwks};
use crate::world::{AUDIENCE, World};

async fn explained(world: &World, token: &str) -> Explanation {
    let explanation = world.authenticator.explain(token, None).await.unwrap();
    let told = serde_json::to_string(&explanation).unwrap();
    for part in token.split('.').filter(|part| part.len() > 8) {
        assert!(!told.contains(part), "the token is shown: {told}");
    }
    let verdict = world.authenticate(token).await;
    assert_eq!(explanation.accepted, verdict.is_ok(), "{told}");
    explanation
}

fn failed(explanation: &Explanation) -> Vec<(&'static str, &str)> {
    let failed = explanation.checks.iter().filter(|check| !check.passed);
    failed
        .map(|check| (check.name, check.text.as_str()))
        .collect()
}

async fn world(key: &TestKey) -> World {
    let world = World::new().await;
    world.issuer.serve_jwks(jwks(&[key]));
    for (tenant, org) in [("acme", "a"), ("bolt", "b")] {
        let keys = KeySource::JwksUrl(world.issuer.jwks_url());
        world.tenants.add(tenant, world.trust_for(keys, "org", org));
    }
    world
}

#[tokio::test]
async fn a_good_token_passes_every_check_and_says_for_whom_it_speaks() {
    let key = TestKey::ed("d");
    let world = world(&key).await;

    let explanation = explained(&world, &key.token(&world.claims_with("org", "a"))).await;

    let names: Vec<_> = explanation.checks.iter().map(|check| check.name).collect();
    let wanted = "token issuer tenant key signature audience time scopes";
    assert_eq!(names.join(" "), wanted);
    assert_eq!(failed(&explanation), []);
    assert_eq!(explanation.tenant, Some(TenantId::parse("acme").unwrap()));
}

#[tokio::test]
async fn everything_that_is_wrong_is_told_at_once_with_what_was_compared() {
    let (key, forged) = (TestKey::ed("d"), TestKey::ed("d"));
    let world = world(&key).await;
    let mut claims = world.claims_with("org", "a");
    claims["aud"] = json!(["x", "y"]);
    claims["exp"] = json!(world.now_s() - 3_600);
    claims["password"] = json!("hunter2-hunter2");

    let explanation = explained(&world, &forged.token(&claims)).await;

    let told = failed(&explanation);
    let names: Vec<_> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["signature", "audience", "time"]);
    assert!(
        told[1].1.contains(AUDIENCE) && told[1].1.contains("has 'x', 'y'"),
        "{told:?}"
    );
    assert!(told[2].1.contains("expired"), "{told:?}");
    let all = serde_json::to_string(&explanation).unwrap();
    assert!(!all.contains("hunter2"), "{all}");
}

#[tokio::test]
async fn each_reason_has_its_check() {
    let key = TestKey::ed("d");
    let world = world(&key).await;
    let claims = || world.claims_with("org", "a");
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        key.token(&claims)
    };
    let slash = format!("{}/", world.issuer.url);
    let unknown = TestKey::ed("u").token(&claims());

    for (token, name, told) in [
        ("x.y".to_owned(), "token", "not a JWT"),
        ("y".repeat(9_000), "token", "too long"),
        (with("iss", json!(slash)), "issuer", "differs by its slash"),
        (
            with("iss", json!("https://no.example")),
            "issuer",
            "no tenant trusts",
        ),
        (with("iss", json!(7)), "issuer", "no text in its 'iss'"),
        (
            with("org", json!("c")),
            "tenant",
            "wants 'a' at '/org', where the token has 'c'",
        ),
        (
            with("org", json!({"id": 1})),
            "tenant",
            "where the token has an object",
        ),
        (
            with("org", json!(["a", "b"])),
            "tenant",
            "more than one trust matches",
        ),
        (unknown, "key", "no usable key"),
        (
            with("nbf", json!(world.now_s() + 90)),
            "time",
            "not valid yet",
        ),
        (
            with("nbf", json!(world.now_s() + 3_600)),
            "time",
            ", and the clock here says ",
        ),
        (
            with("exp", json!(world.now_s() - 3_600)),
            "time",
            ", and the clock here says ",
        ),
    ] {
        let explanation = explained(&world, &token).await;
        let found = failed(&explanation);
        assert!(
            found
                .iter()
                .any(|(check, text)| *check == name && text.contains(told)),
            "{name}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_tenant_s_own_trusts_are_compared_alone() {
    let key = TestKey::ed("d");
    let world = world(&key).await;
    let bolt = TenantId::parse("bolt").unwrap();
    let token = key.token(&world.claims_with("org", "a"));

    let explanation = world
        .authenticator
        .explain(&token, Some(&bolt))
        .await
        .unwrap();

    assert!(!explanation.accepted && explanation.tenant.is_none());
    let told = failed(&explanation);
    assert_eq!(told[0].0, "tenant");
    assert!(
        told[0].1.contains("'bolt' wants 'b'") && !told[0].1.contains("acme"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_probe_tells_which_keys_verify_tokens_and_which_are_dropped() {
    let key = TestKey::ec("good");
    let world = World::new().await;
    let short = json!({"kty": "RSA", "kid": "short", "n": base64url([0xff; 128]), "e": "AQAB"});
    world
        .issuer
        .serve_jwks(json!({ "keys": [key.jwk(), short] }));
    let trust = world.trust(KeySource::JwksUrl(world.issuer.jwks_url()));
    let elsewhere = world.trust(KeySource::Oidc);
    let acme = TenantId::parse("acme").unwrap();

    let probes = world
        .authenticator
        .probe(&acme, vec![trust, elsewhere])
        .await;

    assert!(!probes[0].passed && !probes[1].passed);
    assert_eq!(probes[0].keys[0].algorithms, ["ES256"]);
    assert_eq!(probes[0].dropped[0].kid.as_deref(), Some("short"));
    assert!(
        probes[0].text.contains("'short' has 1024 bits"),
        "{}",
        probes[0].text
    );
    assert!(
        probes[1].text.contains("cannot be fetched"),
        "{}",
        probes[1].text
    );
}
