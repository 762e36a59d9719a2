//! Which tenant a token speaks for, when there are several, new ones, suspended ones and none.

use fluxgate_core::tenant::KeySource;
use serde_json::json;

use crate::signing::{TestKey, jwks};
use crate::world::World;

#[tokio::test]
async fn two_tenants_of_one_issuer_are_told_apart_by_a_claim() {
    let key = TestKey::ed("d");
    let world = two_tenants(&key).await;

    assert_eq!(
        world
            .tenant(&key.token(&world.claims_with("org", "a")))
            .await,
        "acme"
    );
    assert_eq!(
        world
            .tenant(&key.token(&world.claims_with("org", "b")))
            .await,
        "bolt"
    );
}

#[tokio::test]
async fn a_claim_that_fits_no_tenant_is_refused() {
    let key = TestKey::ed("d");
    let world = two_tenants(&key).await;

    for org in [
        json!("c"),
        json!("A"),
        json!(null),
        json!(["c", "A"]),
        json!([["a"]]),
        json!({"a": 1}),
        json!(""),
    ] {
        assert_eq!(
            world
                .refused(&key.token(&world.claims_with("org", org)))
                .await,
            "tenant_unknown"
        );
    }
    assert_eq!(
        world.refused(&key.token(&world.claims())).await,
        "tenant_unknown"
    );
}

#[tokio::test]
async fn a_token_that_fits_two_tenants_is_refused() {
    let key = TestKey::ed("d");
    let world = two_tenants(&key).await;
    let greedy = world.trust(KeySource::JwksUrl(world.issuer.jwks_url()));
    world.tenants.add("greedy", greedy);

    assert_eq!(
        world
            .refused(&key.token(&world.claims_with("org", "a")))
            .await,
        "tenant_unknown"
    );
    assert_eq!(
        world
            .tenant(&key.token(&world.claims_with("org", "c")))
            .await,
        "greedy"
    );
}

#[tokio::test]
async fn the_keys_of_one_tenant_do_not_sign_for_another_of_the_same_issuer() {
    let (acme, bolt) = (TestKey::ed("k"), TestKey::ed("k"));
    let world = World::new().await;
    world.tenants.add(
        "acme",
        world.trust_for(KeySource::Jwks(jwks(&[&acme])), "org", "a"),
    );
    world.tenants.add(
        "bolt",
        world.trust_for(KeySource::Jwks(jwks(&[&bolt])), "org", "b"),
    );

    assert_eq!(
        world
            .tenant(&acme.token(&world.claims_with("org", "a")))
            .await,
        "acme"
    );
    assert_eq!(
        world
            .tenant(&bolt.token(&world.claims_with("org", "b")))
            .await,
        "bolt"
    );
    assert_eq!(
        world
            .refused(&acme.token(&world.claims_with("org", "b")))
            .await,
        "token_signature"
    );
    assert_eq!(
        world
            .refused(&bolt.token(&world.claims_with("org", "a")))
            .await,
        "token_signature"
    );
}

#[tokio::test]
async fn a_tenant_added_by_another_process_works_at_once() {
    let key = TestKey::ed("d");
    let world = World::new().await;
    world.issuer.serve_jwks(jwks(&[&key]));
    let source = || KeySource::JwksUrl(world.issuer.jwks_url());
    let (a, b) = (
        key.token(&world.claims_with("org", "a")),
        key.token(&world.claims_with("org", "b")),
    );

    assert_eq!(world.refused(&a).await, "token_issuer_unknown");
    world
        .tenants
        .add("acme", world.trust_for(source(), "org", "a"));
    assert_eq!(world.tenant(&a).await, "acme");
    assert_eq!(world.refused(&b).await, "tenant_unknown");
    world
        .tenants
        .add("bolt", world.trust_for(source(), "org", "b"));
    assert_eq!(world.tenant(&b).await, "bolt");
}

#[tokio::test]
async fn a_trust_is_read_once_in_its_time_and_a_changed_one_counts_after_it() {
    let (old, new) = (TestKey::ed("k"), TestKey::ed("k"));
    let world = World::new().await;
    world
        .tenants
        .add("acme", world.trust(KeySource::Jwks(jwks(&[&old]))));
    for n in 0..10 {
        assert_eq!(
            world.tenant(&old.token(&world.claims_with("jti", n))).await,
            "acme"
        );
    }
    assert_eq!(world.tenants.reads(), 1);

    world
        .tenants
        .add("acme", world.trust(KeySource::Jwks(jwks(&[&new]))));
    world.advance_ms(1_000);

    assert_eq!(
        world
            .refused(&old.token(&world.claims_with("jti", 10)))
            .await,
        "token_signature"
    );
    assert_eq!(world.tenant(&new.token(&world.claims())).await, "acme");
}

#[tokio::test]
async fn the_tokens_of_a_suspended_tenant_still_speak_for_it() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    world.tenants.suspend("acme");

    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
}

#[tokio::test]
async fn a_trust_whose_tenant_is_gone_speaks_for_nobody() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    world.tenants.orphan("acme");

    assert_eq!(
        world.refused(&key.token(&world.claims())).await,
        "tenant_unknown"
    );
}

async fn two_tenants(key: &TestKey) -> World {
    let world = World::new().await;
    world.issuer.serve_jwks(jwks(&[key]));
    for (tenant, org) in [("acme", "a"), ("bolt", "b")] {
        let keys = KeySource::JwksUrl(world.issuer.jwks_url());
        world.tenants.add(tenant, world.trust_for(keys, "org", org));
    }
    world
}
