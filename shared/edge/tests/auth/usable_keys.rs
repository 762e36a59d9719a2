//! Which keys of a set may verify a token.

use fluxgate_core::tenant::KeySource;
use fluxgate_edge::auth::AuthBounds;
use serde_json::{Value, json};

use crate::log_lines::LogLines;
use crate::signing::{TestKey, base64url, jwks};
use crate::world::World;

#[tokio::test]
async fn keys_over_the_bound_of_one_set_are_ignored() {
    let (first, second) = (TestKey::ed("1"), TestKey::ed("2"));
    let world = World::bounded(AuthBounds {
        key_set_keys_max: 1,
        ..AuthBounds::default()
    })
    .await;
    world.tenants.add(
        "acme",
        world.trust(KeySource::Jwks(jwks(&[&first, &second]))),
    );

    assert_eq!(world.tenant(&first.token(&world.claims())).await, "acme");
    assert_eq!(
        world.refused(&second.token(&world.claims())).await,
        "token_key_unknown"
    );
}

#[tokio::test]
async fn a_token_without_a_kid_is_taken_only_when_one_key_can_be_meant() {
    let (one, other, rsa) = (TestKey::ed("1"), TestKey::ed("2"), TestKey::rsa("r"));
    let world = World::with_acme(&[&one, &rsa]).await;
    let ambiguous = World::with_acme(&[&one, &other]).await;
    let nameless = |world: &World| one.token_with(&json!({"alg": "EdDSA"}), &world.claims());

    assert_eq!(world.tenant(&nameless(&world)).await, "acme");
    assert_eq!(
        ambiguous.refused(&nameless(&ambiguous)).await,
        "token_key_unknown"
    );
}

#[tokio::test]
async fn keys_of_no_use_are_left_out_and_spoil_no_others() {
    let key = TestKey::ed("good");
    let rsa = TestKey::rsa("bad");
    let short = json!({"kty": "RSA", "kid": "bad", "n": base64url([0xff; 128]), "e": "AQAB"});
    let padded_short = json!({"kty": "RSA", "kid": "bad", "n": base64url([[0; 128], [0xff; 128]].concat()), "e": "AQAB"});
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
        with("alg", json!("ES256")),
        with("alg", json!("RSA-OAEP")),
        with("key_ops", json!(["encrypt"])),
        json!({"kty": "oct", "kid": "bad", "k": base64url([7; 32])}),
        json!({"kty": "EC", "crv": "secp256k1", "kid": "bad", "x": base64url([1; 32]), "y": base64url([1; 32])}),
        json!({"kty": "EC", "crv": "P-256", "kid": "bad", "x": base64url([1; 31]), "y": base64url([1; 32])}),
        json!({"kty": "OKP", "crv": "X25519", "kid": "bad", "x": base64url([1; 32])}),
        json!({"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": base64url([1; 33])}),
        json!("bad"),
        json!({}),
        // The fields of a key, in the order in which a struct may hold them.
        json!([
            "RSA",
            "",
            null,
            "bad",
            null,
            null,
            base64url(rsa.rsa_modulus()),
            "AQAB",
            "",
            ""
        ]),
    ];

    for jwk in bad {
        let world = World::new().await;
        world.tenants.add(
            "acme",
            world.trust(KeySource::Jwks(json!({"keys": [jwk.clone(), key.jwk()]}))),
        );

        assert_eq!(
            world.tenant(&key.token(&world.claims())).await,
            "acme",
            "{jwk}"
        );
        assert_eq!(
            world.refused(&rsa.token(&world.claims())).await,
            "token_key_unknown",
            "{jwk}"
        );
    }
}

/// Two primes of the faulty library's form (CVE-2017-15361), multiplied.
const ROCA: &str = "-55adWADMLuqo1Ln2lFCi8lpZVZ9aM1UYBHAoG4-OqECzPrtA5YVMexj2MksqXm46LfTjSLotoMe3o9QeKM5Me3yhdo8qV6Tuzd4\
    WzLH2qmeRMBZ1D0UeY8ftb8Dg2s3lX3wfJwjZfX9DXig1rG9wJ2YcjIbMHnGywQIo3ZAciUYKe5IFMUhhvuDOi299W\
    W1GUd7_wW3DDl9eTW9eodZqVNVXKYj\
    jr_dCpt9-UTJcdKloo8Dbl1rH7MS2pZWqI0DTwdbwx1m6RnShgURWz76gjPR8OgV10VxFCVghSxW8iel5b6Ag9GF2Y\
    _EP9lRw1pa9_fisHrv98oFrxAg5CrM\
    PQ";

/// Of a sound key that is not the token's the signature is told not to fit; a weak one is as if it
/// were not there.
#[tokio::test]
async fn weak_keys_of_a_fetched_set_count_for_nothing() {
    let (signer, sound) = (TestKey::rsa("r"), TestKey::ed("good"));
    let of = |modulus: &str| json!({"kty": "RSA", "kid": "r", "n": modulus, "e": "AQAB"});
    let mut another = signer.rsa_modulus();
    another[255] ^= 2;
    let short = base64url([0xff; 255]);
    for (modulus, code) in [
        (ROCA, "token_key_unknown"),
        (short.as_str(), "token_key_unknown"),
        (&base64url(another), "token_signature"),
    ] {
        let world = World::new().await;
        world
            .issuer
            .serve_jwks(json!({"keys": [of(modulus), sound.jwk()]}));
        world.tenants.add(
            "acme",
            world.trust(KeySource::JwksUrl(world.issuer.jwks_url())),
        );

        assert_eq!(world.tenant(&sound.token(&world.claims())).await, "acme");
        assert_eq!(
            world.refused(&signer.token(&world.claims())).await,
            code,
            "{modulus}"
        );
    }
}

#[tokio::test]
async fn a_key_that_says_what_it_is_for_and_one_with_a_padded_modulus_are_of_use() {
    let key = TestKey::rsa("r");
    let world = World::new().await;
    let mut jwk = key.jwk();
    jwk["n"] = json!(base64url([vec![0], key.rsa_modulus()].concat()));
    for (name, value) in [
        ("use", json!("sig")),
        ("alg", json!("RS256")),
        ("key_ops", json!(["verify"])),
    ] {
        jwk[name] = value;
    }
    world
        .tenants
        .add("acme", world.trust(KeySource::Jwks(json!({"keys": [jwk]}))));

    assert_eq!(world.tenant(&key.token(&world.claims())).await, "acme");
}

#[tokio::test]
async fn a_dropped_key_is_told_in_the_log_once_for_each_change_of_the_set() {
    let (key, lines) = (TestKey::ed("good"), LogLines::record());
    let world = World::with_acme(&[&key]).await;
    let short =
        |kid: &str| json!({"kty": "RSA", "kid": kid, "n": base64url([0xff; 128]), "e": "AQAB"});
    let for_secrets = json!({"kty": "RSA", "kid": "enc", "use": "enc", "n": "AQAB", "e": "AQAB"});
    let told = || lines.with("keys of an issuer's set cannot be used");
    let fetched_again = async |keys: Value| {
        world.issuer.serve_jwks(json!({ "keys": keys }));
        world.advance_ms(11 * 60_000);
        let token = key.token(&world.claims_with("jti", world.now_s()));
        assert_eq!(world.tenant(&token).await, "acme");
    };

    fetched_again(json!([key.jwk(), for_secrets])).await;
    assert_eq!(told(), Vec::<String>::new());
    for _ in 0..3 {
        fetched_again(json!([short("one"), key.jwk()])).await;
    }
    assert_eq!(told().len(), 1);
    assert!(told()[0].starts_with("WARN") && told()[0].contains("'one' has 1024 bits"));
    fetched_again(json!([short("one"), short("two"), key.jwk()])).await;
    assert_eq!(told().len(), 2);
    fetched_again(json!([key.jwk()])).await;
    assert_eq!(lines.with("can be used again").len(), 1);
}
