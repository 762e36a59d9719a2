//! Key sets in use are fetched again before their time is up, once for all who use them, and serve
//! through an issuer's outage; documents that are too large or foreign are told as such.

use fluxgate_core::Kind;
use fluxgate_core::tenant::{KeySource, Trust};
use fluxgate_edge::auth::AuthBounds;
use serde_json::json;

use crate::signing::{TestKey, jwks};
use crate::world::World;

const MINUTE_MS: u64 = 60_000;

#[tokio::test]
async fn a_set_in_use_is_fetched_again_ahead_of_its_end_and_nobody_waits() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let world = World::with_acme(&[&old]).await;
    assert_eq!(world.tenant(&old.token(&world.claims())).await, "acme");
    world.issuer.serve_jwks(jwks(&[&old, &new]));
    world.advance_ms(9 * MINUTE_MS);
    world.issuer.hesitate(true);

    let tokens = (0..20).map(|n| old.token(&world.claims_with("jti", n)));
    for token in tokens.collect::<Vec<_>>() {
        assert_eq!(world.tenant(&token).await, "acme");
    }
    world.issuer.asked_times(2).await;
    world.issuer.hesitate(false);

    // The new set is of use past the end of the first, and is not asked for again.
    world.advance_ms(2 * MINUTE_MS);
    assert_eq!(world.tenant(&new.token(&world.claims())).await, "acme");
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_set_that_nobody_uses_is_not_fetched_again() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");

    world.advance_ms(60 * MINUTE_MS);

    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test]
async fn tenants_of_one_issuer_share_one_key_set() {
    let key = TestKey::ed("d");
    let world = World::new().await;
    world.issuer.serve_configuration(&world.issuer.url);
    world.issuer.serve_jwks(jwks(&[&key]));
    for n in 0..20 {
        let trust = world.trust_for(KeySource::Oidc, "org", &n.to_string());
        world.tenants.add(&format!("tenant-{n}"), trust);
    }

    for n in 0..20 {
        let token = key.token(&world.claims_with("org", n));
        assert_eq!(world.tenant(&token).await, format!("tenant-{n}"));
    }
    assert_eq!(
        world.issuer.fetches(),
        2,
        "the configuration and the key set"
    );
}

#[tokio::test]
async fn an_outage_that_begins_before_the_renewal_is_survived_within_the_bound() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims_with("exp", world.now_s() + 3 * 86_400));
    assert_eq!(world.tenant(&token).await, "acme");
    world.issuer.fall_silent();

    for _ in 0..23 {
        world.advance_ms(60 * MINUTE_MS);
        assert_eq!(world.tenant(&token).await, "acme");
    }
    world.advance_ms(60 * MINUTE_MS);
    let error = world.authenticate(&token).await.unwrap_err();
    assert_eq!(
        (error.kind, error.code),
        (Kind::Unavailable, "key_set_unavailable")
    );

    world.issuer.serve_jwks(jwks(&[&key]));
    world.advance_ms(1_000);
    assert_eq!(world.tenant(&token).await, "acme");
}

#[tokio::test]
async fn a_configuration_of_another_issuer_is_named() {
    let key = TestKey::ed("d");
    let world = World::new().await;
    world
        .issuer
        .serve_configuration(&format!("{}/", world.issuer.url));
    world.issuer.serve_jwks(jwks(&[&key]));
    world.tenants.add("acme", world.trust(KeySource::Oidc));

    let error = world
        .authenticate(&key.token(&world.claims()))
        .await
        .unwrap_err();

    let told = format!("a different issuer, '{}/'", world.issuer.url);
    assert!(error.message.contains(&told), "{}", error.message);
}

#[tokio::test]
async fn of_a_set_of_ten_thousand_keys_a_bounded_number_is_read_and_the_rest_is_told() {
    let (first, last) = (TestKey::ed("first"), TestKey::ed("last"));
    let world = World::bounded(AuthBounds::default()).await;
    let mut keys = vec![first.jwk()];
    keys.resize(9_999, json!({"kty": "OKP", "crv": "Ed25519", "x": "A"}));
    keys.push(last.jwk());
    world.issuer.serve_jwks(json!({ "keys": keys }));
    let trust: Trust = world.trust(KeySource::JwksUrl(world.issuer.jwks_url()));
    world.tenants.add("acme", trust);

    assert_eq!(world.tenant(&first.token(&world.claims())).await, "acme");
    let token = last.token(&world.claims());
    assert_eq!(world.refused(&token).await, "token_key_unknown");
    let why = world.why_refused(&token).await;
    assert!(why.contains("9900 of its keys are not read"), "{why}");
}
