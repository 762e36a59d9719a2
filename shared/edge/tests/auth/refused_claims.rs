//! Claims of a token that is signed well: whose it is, for whom, and from when until when.

use serde_json::{Value, json};

use crate::signing::TestKey;
use crate::world::World;

#[tokio::test]
async fn an_issuer_that_nobody_trusts_is_refused() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let near_misses = [
        format!("{}/", world.issuer.url),
        world.issuer.url.to_uppercase(),
        String::new(),
    ];

    for issuer in near_misses {
        assert_eq!(
            world
                .refused(&key.token(&world.claims_with("iss", issuer)))
                .await,
            "token_issuer_unknown"
        );
    }
    for issuer in [json!(null), json!([world.issuer.url]), json!(7)] {
        assert_eq!(
            world
                .refused(&key.token(&world.claims_with("iss", issuer)))
                .await,
            "token_claims"
        );
    }
}

#[tokio::test]
async fn the_audience_must_hold_the_one_of_the_trust() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let with = |audience: Value| key.token(&world.claims_with("aud", audience));

    assert_eq!(
        world
            .tenant(&with(json!([
                "https://other.example",
                crate::world::AUDIENCE
            ])))
            .await,
        "acme"
    );
    for audience in [
        json!("https://other.example"),
        json!([]),
        json!(null),
        json!(["x"]),
        json!([crate::world::AUDIENCE, 7]),
        json!({"a": "b"}),
    ] {
        assert_eq!(world.refused(&with(audience)).await, "token_audience");
    }
}

#[tokio::test]
async fn a_token_holds_from_nbf_and_iat_until_exp_with_the_leeway_on_both_sides() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let now = world.now_s();
    let at = |claim: &str, seconds: i64| key.token(&world.claims_with(claim, seconds));

    assert_eq!(world.tenant(&at("exp", now - 29)).await, "acme");
    assert_eq!(world.refused(&at("exp", now - 30)).await, "token_expired");
    assert_eq!(world.refused(&at("exp", 0)).await, "token_expired");
    for claim in ["nbf", "iat"] {
        assert_eq!(world.tenant(&at(claim, now + 30)).await, "acme");
        assert_eq!(
            world.refused(&at(claim, now + 31)).await,
            "token_not_yet_valid"
        );
    }
}

#[tokio::test]
async fn an_expiry_is_required_and_times_must_be_numbers() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let mut without = world.claims();
    without.as_object_mut().unwrap().remove("exp");

    assert_eq!(world.refused(&key.token(&without)).await, "token_claims");
    for value in [json!(null), json!("9999999999"), json!([9_999_999_999_u64])] {
        for claim in ["exp", "nbf", "iat"] {
            assert_eq!(
                world
                    .refused(&key.token(&world.claims_with(claim, value.clone())))
                    .await,
                "token_claims"
            );
        }
    }
    for near in [
        json!(253_402_300_799_u64),
        json!(world.now_s() as f64 + 0.5),
    ] {
        assert_eq!(
            world
                .tenant(&key.token(&world.claims_with("exp", near)))
                .await,
            "acme"
        );
    }
    let milliseconds = json!(world.now().0);
    let beyond = [
        json!(1e300),
        json!(-1),
        json!(-1e300),
        json!(u64::MAX),
        json!(253_402_300_800_u64),
        milliseconds,
    ];
    for value in beyond {
        for claim in ["exp", "nbf", "iat"] {
            let token = key.token(&world.claims_with(claim, value.clone()));
            assert_eq!(
                world.refused(&token).await,
                "token_claims",
                "{claim} {value}"
            );
        }
    }
    // JSON has no such numbers; a parser may make infinity of the first.
    for text in ["1e999", "NaN", "Infinity"] {
        let claims = world
            .claims_with("exp", "X")
            .to_string()
            .replace("\"X\"", text);
        let header = json!({"alg": "EdDSA", "kid": "d"}).to_string();
        assert_eq!(
            world.refused(&key.token_of(&header, &claims)).await,
            "token_malformed",
            "{text}"
        );
    }
}
