//! Where keys come from, how often an issuer is asked, and what happens when it does not answer.

use std::time::Duration;

use fluxgate_core::Kind;
use fluxgate_core::tenant::{KeySource, Trust};
use fluxgate_edge::auth::AuthBounds;
use futures::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use crate::issuer_server::{IssuerServer, JWKS};
use crate::signing::{TestKey, jwks};
use crate::world::World;

const MINUTE_MS: u64 = 60_000;

#[tokio::test]
async fn inline_keys_need_no_fetch() {
    let key = TestKey::ec("e");
    let world = World::new().await;
    world
        .tenants
        .add("acme", world.trust(KeySource::Jwks(jwks(&[&key]))));

    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
    assert_eq!(world.issuer.fetches(), 0);
}

#[tokio::test]
async fn an_openid_issuer_names_its_own_key_set() {
    let key = TestKey::rsa("r");
    let world = World::new().await;
    world.issuer.serve_configuration(&world.issuer.url);
    world.issuer.serve_jwks(jwks(&[&key]));
    world.tenants.add("acme", world.trust(KeySource::Oidc));

    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn an_openid_issuer_may_end_in_a_slash() {
    let key = TestKey::ed("d");
    let world = World::new().await;
    let issuer = format!("{}/", world.issuer.url);
    world.issuer.serve_configuration(&issuer);
    world.issuer.serve_jwks(jwks(&[&key]));
    world.tenants.add(
        "acme",
        Trust {
            issuer: issuer.clone(),
            ..world.trust(KeySource::Oidc)
        },
    );

    assert_eq!(
        world
            .tenant(&key.token(&world.claims_with("iss", issuer)))
            .await,
        "acme"
    );
}

#[tokio::test]
async fn the_keys_of_one_openid_issuer_do_not_sign_for_another() {
    let (ours, theirs) = (TestKey::ed("k"), TestKey::ed("k"));
    let (world, other) = (World::new().await, IssuerServer::start().await);
    for (issuer, key, tenant) in [(&world.issuer, &ours, "acme"), (&other, &theirs, "bolt")] {
        issuer.serve_configuration(&issuer.url);
        issuer.serve_jwks(jwks(&[key]));
        world.tenants.add(
            tenant,
            Trust {
                issuer: issuer.url.clone(),
                ..world.trust(KeySource::Oidc)
            },
        );
    }
    let for_bolt = world.claims_with("iss", other.url.clone());

    assert_eq!(world.tenant(&ours.token(&world.claims())).await, "acme");
    assert_eq!(
        world.refused(&ours.token(&for_bolt)).await,
        "token_signature"
    );
    assert_eq!(world.tenant(&theirs.token(&for_bolt)).await, "bolt");
}

#[tokio::test]
async fn a_configuration_that_names_another_issuer_is_not_believed() {
    let key = TestKey::ed("d");
    let world = World::new().await;
    world.issuer.serve_configuration("https://other.example");
    world.issuer.serve_jwks(jwks(&[&key]));
    world.tenants.add("acme", world.trust(KeySource::Oidc));

    assert_eq!(
        unavailable(&world, &key.token(&world.claims())).await,
        "key_set_unavailable"
    );
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_no_fault_of_the_token() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    world.issuer.fall_silent();
    let token = key.token(&world.claims());

    assert_eq!(unavailable(&world, &token).await, "key_set_unavailable");
    assert_eq!(unavailable(&world, &token).await, "key_set_unavailable");
    assert_eq!(
        world.issuer.fetches(),
        1,
        "a fetch that has just failed is not tried again at once"
    );

    world.issuer.serve_jwks(jwks(&[&key]));
    world.advance_ms(1_000);
    assert_eq!(world.tenant(&token).await, "acme");
}

#[tokio::test]
async fn answers_that_are_no_key_set_are_unavailable() {
    let key = TestKey::ed("d");
    for answer in [json!([]), json!({}), json!({"keys": "d"}), json!(null)] {
        let world = World::with_acme(&[&key]).await;
        world.issuer.serve_jwks(answer);

        assert_eq!(
            unavailable(&world, &key.token(&world.claims())).await,
            "key_set_unavailable"
        );
    }
}

#[tokio::test]
async fn many_who_wait_for_one_key_set_cost_one_fetch() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let tokens: Vec<String> = (0..50)
        .map(|n| key.token(&world.claims_with("jti", n)))
        .collect();

    let answers = join_all(tokens.iter().map(|token| world.authenticate(token))).await;

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_new_key_works_after_one_refetch() {
    let (old, new) = (TestKey::ed("old"), TestKey::ec("new"));
    let world = World::with_acme(&[&old]).await;
    assert_eq!(world.tenant(&old.token(&world.claims())).await, "acme");
    world.issuer.serve_jwks(jwks(&[&old, &new]));
    let tokens: Vec<String> = (0..20)
        .map(|n| new.token(&world.claims_with("jti", n)))
        .collect();

    let answers = join_all(tokens.iter().map(|token| world.authenticate(token))).await;

    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_does_not_reach_the_issuer() {
    let (key, unknown) = (TestKey::ed("d"), TestKey::ed("unknown"));
    let world = World::with_acme(&[&key]).await;
    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
    let flood = async |first: usize| {
        let named = |n: usize| json!({"alg": "EdDSA", "kid": format!("made-up-{n}")});
        let tokens: Vec<_> = (first..first + 100)
            .map(|n| unknown.token_with(&named(n), &world.claims()))
            .collect();
        join_all(tokens.iter().map(|token| world.refused(token))).await
    };

    assert!(
        flood(0)
            .await
            .iter()
            .all(|code| *code == "token_key_unknown")
    );
    assert_eq!(world.issuer.fetches(), 2);
    world.advance_ms(29_999);
    flood(100).await;
    assert_eq!(world.issuer.fetches(), 2);
    world.advance_ms(1);
    flood(200).await;
    assert_eq!(world.issuer.fetches(), 3);
}

#[tokio::test]
async fn an_unknown_key_of_a_silent_issuer_is_unknown_and_spoils_no_known_one() {
    let (key, unknown) = (TestKey::ed("d"), TestKey::ed("unknown"));
    let world = World::with_acme(&[&key]).await;
    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
    world.issuer.fall_silent();

    assert_eq!(
        world.refused(&unknown.token(&world.claims())).await,
        "token_key_unknown"
    );
    assert_eq!(
        world.tenant(&key.token(&world.claims_with("jti", 2))).await,
        "acme"
    );
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_is_refused_when_the_key_set_has_had_its_time() {
    let (old, new) = (TestKey::ed("old"), TestKey::ed("new"));
    let world = World::with_acme(&[&old]).await;
    let token = old.token(&world.claims());
    assert_eq!(world.tenant(&token).await, "acme");

    world.issuer.serve_jwks(jwks(&[&new]));
    world.advance_ms(10 * MINUTE_MS - 1);
    assert_eq!(world.tenant(&token).await, "acme");
    world.advance_ms(10_000);
    assert_eq!(world.refused(&token).await, "token_key_unknown");
}

#[tokio::test]
async fn a_silent_issuer_s_keys_are_used_for_a_day_and_no_longer() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims_with("exp", world.now_s() + 7 * 86_400));
    assert_eq!(world.tenant(&token).await, "acme");

    world.issuer.fall_silent();
    world.advance_ms(23 * 60 * MINUTE_MS);
    assert_eq!(world.tenant(&token).await, "acme");
    assert_eq!(world.issuer.fetches(), 2);
    world.advance_ms(60 * MINUTE_MS);
    assert_eq!(unavailable(&world, &token).await, "key_set_unavailable");
}

#[tokio::test]
async fn an_answer_that_is_no_key_set_does_not_replace_one_that_was() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims());
    assert_eq!(world.tenant(&token).await, "acme");

    world.issuer.serve(JWKS, json!({"error": "maintenance"}));
    world.advance_ms(11 * MINUTE_MS);
    assert_eq!(world.tenant(&token).await, "acme");
}

#[tokio::test]
async fn nobody_waits_for_a_slow_issuer_whose_keys_are_known() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let (first, second) = (
        key.token(&world.claims()),
        key.token(&world.claims_with("jti", 2)),
    );
    assert_eq!(world.tenant(&first).await, "acme");
    world.advance_ms(11 * MINUTE_MS);
    world.issuer.hesitate(true);

    let asking = world.tenant(&first);
    let meanwhile = async {
        world.issuer.asked_times(2).await;
        let tenant = world.tenant(&second).await;
        world.issuer.hesitate(false);
        tenant
    };

    let both = timeout(Duration::from_secs(10), async {
        tokio::join!(asking, meanwhile)
    })
    .await;
    assert_eq!(
        both.expect("one waited for the other"),
        ("acme".to_owned(), "acme".to_owned())
    );
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn a_caller_that_hangs_up_does_not_keep_the_others_from_the_keys() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims());
    world.issuer.hesitate(true);

    tokio::select! {
        _ = world.authenticate(&token) => panic!("the issuer hesitates"),
        () = world.issuer.asked_times(1) => {}
    }
    world.issuer.hesitate(false);

    assert_eq!(world.tenant(&token).await, "acme");
}

#[tokio::test]
async fn callers_that_ask_for_unknown_keys_and_hang_up_do_not_reach_the_issuer_either() {
    let (key, unknown) = (TestKey::ed("d"), TestKey::ed("unknown"));
    let world = World::with_acme(&[&key]).await;
    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
    let token = unknown.token(&world.claims());
    world.issuer.hesitate(true);
    tokio::select! {
        _ = world.authenticate(&token) => panic!("the issuer hesitates"),
        () = world.issuer.asked_times(2) => {}
    }

    world.issuer.hesitate(false);

    assert_eq!(world.refused(&token).await, "token_key_unknown");
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn more_issuers_than_key_sets_are_kept_all_still_work() {
    let world = World::bounded(AuthBounds {
        key_sets_max: 2,
        issuers_max: 2,
        ..AuthBounds::default()
    })
    .await;
    let key = TestKey::ed("d");
    world.issuer.serve_jwks(jwks(&[&key]));
    for n in 0..20 {
        let mut trust = world.trust(KeySource::JwksUrl(world.issuer.jwks_url()));
        trust.issuer = format!("issuer-{n}");
        world.tenants.add(&format!("tenant-{n}"), trust);
    }

    for n in (0..20).chain(0..20) {
        let token = key.token(&world.claims_with("iss", format!("issuer-{n}")));
        assert_eq!(world.tenant(&token).await, format!("tenant-{n}"));
    }
}

async fn unavailable(world: &World, token: &str) -> &'static str {
    let error = world.authenticate(token).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable, "{error}");
    error.code
}
