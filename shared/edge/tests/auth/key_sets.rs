//! Where keys come from, how often an issuer is asked, and what happens when it does not answer.

use fluxgate_core::Kind;
use fluxgate_core::tenant::KeySource;
use fluxgate_edge::auth::AuthBounds;
use futures::future::join_all;
use serde_json::{Value, json};

use crate::issuer_server::JWKS;
use crate::signing::{TestKey, base64url, jwks};
use crate::world::World;

const MINUTE_MS: u64 = 60_000;

#[tokio::test]
async fn inline_keys_need_no_fetch() {
    let key = TestKey::ec("e");
    let world = World::new().await;
    world.tenants.add("acme", world.trust(KeySource::Jwks(jwks(&[&key]))));

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
    let mut trust = world.trust(KeySource::Oidc);
    trust.issuer.clone_from(&issuer);
    world.tenants.add("acme", trust);

    assert_eq!(world.tenant(&key.token(&world.claims_with("iss", issuer))).await, "acme");
}

#[tokio::test]
async fn a_configuration_that_names_another_issuer_is_not_believed() {
    let key = TestKey::ed("d");
    let world = World::new().await;
    world.issuer.serve_configuration("https://other.example");
    world.issuer.serve_jwks(jwks(&[&key]));
    world.tenants.add("acme", world.trust(KeySource::Oidc));

    assert_eq!(unavailable(&world, &key.token(&world.claims())).await, "key_set_unavailable");
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
    assert_eq!(world.issuer.fetches(), 1, "a fetch that has just failed is not tried again at once");

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

        assert_eq!(unavailable(&world, &key.token(&world.claims())).await, "key_set_unavailable");
    }
}

#[tokio::test]
async fn many_who_wait_for_one_key_set_cost_one_fetch() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let tokens: Vec<String> = (0..50).map(|n| key.token(&world.claims_with("jti", n))).collect();

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
    let tokens: Vec<String> = (0..20).map(|n| new.token(&world.claims_with("jti", n))).collect();

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
        let tokens: Vec<_> = (first..first + 100).map(|n| unknown.token_with(&named(n), &world.claims())).collect();
        join_all(tokens.iter().map(|token| world.refused(token))).await
    };

    assert!(flood(0).await.iter().all(|code| *code == "token_key_unknown"));
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

    assert_eq!(world.refused(&unknown.token(&world.claims())).await, "token_key_unknown");
    assert_eq!(world.tenant(&key.token(&world.claims_with("jti", 2))).await, "acme");
    assert_eq!(world.issuer.fetches(), 2);
}

#[tokio::test]
async fn keys_over_the_bound_of_one_set_are_ignored() {
    let (first, second) = (TestKey::ed("1"), TestKey::ed("2"));
    let world = World::bounded(AuthBounds { key_set_keys_max: 1, ..AuthBounds::default() }).await;
    world.tenants.add("acme", world.trust(KeySource::Jwks(jwks(&[&first, &second]))));

    assert_eq!(world.tenant(&first.token(&world.claims())).await, "acme");
    assert_eq!(world.refused(&second.token(&world.claims())).await, "token_key_unknown");
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
    let (first, second) = (key.token(&world.claims()), key.token(&world.claims_with("jti", 2)));
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

    assert_eq!(tokio::join!(asking, meanwhile), ("acme".to_owned(), "acme".to_owned()));
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
async fn a_token_without_a_kid_is_taken_only_when_one_key_can_be_meant() {
    let (one, other, rsa) = (TestKey::ed("1"), TestKey::ed("2"), TestKey::rsa("r"));
    let world = World::with_acme(&[&one, &rsa]).await;
    let ambiguous = World::with_acme(&[&one, &other]).await;
    let nameless = |world: &World| one.token_with(&json!({"alg": "EdDSA"}), &world.claims());

    assert_eq!(world.tenant(&nameless(&world)).await, "acme");
    assert_eq!(ambiguous.refused(&nameless(&ambiguous)).await, "token_key_unknown");
}

#[tokio::test]
async fn keys_of_no_use_are_left_out_and_spoil_no_others() {
    let key = TestKey::ed("good");
    let rsa = TestKey::rsa("bad");
    let short = json!({"kty": "RSA", "kid": "bad", "n": base64url([0xff; 128]), "e": "AQAB"});
    let padded_short =
        json!({"kty": "RSA", "kid": "bad", "n": base64url([[0; 128], [0xff; 128]].concat()), "e": "AQAB"});
    let with = |name: &str, value: Value| {
        let mut jwk = rsa.jwk();
        jwk[name] = value;
        jwk
    };
    let bad = [
        short,
        padded_short,
        with("e", json!("AQ")),
        with("n", json!("!")),
        with("use", json!("enc")),
        with("alg", json!("PS256")),
        with("alg", json!("RSA-OAEP")),
        with("key_ops", json!(["encrypt"])),
        json!({"kty": "oct", "kid": "bad", "k": base64url([7; 32])}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "bad", "x": base64url([1; 32]), "y": base64url([1; 32])}),
        json!({"kty": "EC", "crv": "P-256", "kid": "bad", "x": base64url([1; 31]), "y": base64url([1; 32])}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "bad", "x": base64url([1; 32])}),
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": base64url([1; 33])}),
        json!("bad"),
        json!({}),
    ];

    for jwk in bad {
        let world = World::new().await;
        world.tenants.add("acme", world.trust(KeySource::Jwks(json!({"keys": [jwk.clone(), key.jwk()]}))));

        assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme", "{jwk}");
        assert_eq!(world.refused(&rsa.token(&world.claims())).await, "token_key_unknown", "{jwk}");
    }
}

#[tokio::test]
async fn a_key_that_says_what_it_is_for_and_one_with_a_padded_modulus_are_of_use() {
    let key = TestKey::rsa("r");
    let world = World::new().await;
    let mut jwk = key.jwk();
    jwk["n"] = json!(base64url([vec![0], key.rsa_modulus()].concat()));
    for (name, value) in [("use", json!("sig")), ("alg", json!("RS256")), ("key_ops", json!(["verify"]))] {
        jwk[name] = value;
    }
    world.tenants.add("acme", world.trust(KeySource::Jwks(json!({"keys": [jwk]}))));

    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
}

#[tokio::test]
async fn more_issuers_than_key_sets_are_kept_all_still_work() {
    let world = World::bounded(AuthBounds { key_sets_max: 2, issuers_max: 2, ..AuthBounds::default() }).await;
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
