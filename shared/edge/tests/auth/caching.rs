//! A token seen before is not verified again, for a short time, and never past its end.

use crate::signing::TestKey;
use crate::world::World;

#[tokio::test]
async fn a_repeated_token_asks_neither_the_store_nor_the_issuer() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims());
    let first = world.authenticate(&token).await.unwrap();

    world.issuer.fall_silent();
    world.advance_ms(9_999);

    assert_eq!(world.authenticate(&token).await.unwrap(), first);
    assert_eq!((world.tenants.reads(), world.issuer.fetches()), (1, 1));
}

#[tokio::test]
async fn a_deletion_counts_when_the_cached_token_has_had_its_time() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims());
    assert_eq!(world.tenant(&token).await, "acme");

    world.tenants.orphan("acme");
    world.advance_ms(9_999);
    assert_eq!(world.tenant(&token).await, "acme");
    world.advance_ms(1);
    assert_eq!(world.refused(&token).await, "tenant_unknown");
}

#[tokio::test]
async fn a_cached_token_stops_at_its_expiry() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims_with("exp", world.now_s() + 5));
    assert_eq!(world.tenant(&token).await, "acme");
    world.tenants.orphan("acme");

    world.advance_ms(4_999);
    assert_eq!(world.tenant(&token).await, "acme", "still cached");
    world.advance_ms(1);
    assert_eq!(
        world.refused(&token).await,
        "tenant_unknown",
        "verified again, within the leeway"
    );
    world.advance_ms(30_000);
    assert_eq!(world.refused(&token).await, "token_expired");
}

#[tokio::test]
async fn a_token_within_the_leeway_is_not_cached() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims_with("exp", world.now_s() - 5));
    assert_eq!(world.tenant(&token).await, "acme");

    world.tenants.orphan("acme");

    assert_eq!(world.refused(&token).await, "tenant_unknown");
}

#[tokio::test]
async fn a_refusal_is_not_cached() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims_with("nbf", world.now_s() + 31));
    assert_eq!(world.refused(&token).await, "token_not_yet_valid");

    world.advance_ms(1_000);

    assert_eq!(world.tenant(&token).await, "acme");
}

#[tokio::test]
async fn a_cached_token_with_another_signature_is_another_token() {
    let key = TestKey::ec("e");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims());
    assert_eq!(world.tenant(&token).await, "acme");
    let (signed, _) = token.rsplit_once('.').unwrap();

    assert_eq!(
        world.refused(&format!("{signed}.")).await,
        "token_signature"
    );
}

/// As requests that stay open ask.
#[tokio::test]
async fn who_was_authenticated_may_go_on_until_the_token_has_ended() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims_with("exp", world.now_s() + 5));
    let principal = world.authenticate(&token).await.unwrap();

    world.advance_ms(34_999);
    world.authenticator.check_still(&principal).await.unwrap();
    world.advance_ms(1);

    let ended = world.authenticator.check_still(&principal).await;
    assert_eq!(ended.unwrap_err().code, "token_expired");
}
