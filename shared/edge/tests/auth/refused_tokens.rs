//! Every bad token is refused, and says why without helping a forger.

use aws_lc_rs::hmac;
use serde_json::{Value, json};

use crate::signing::{TestKey, base64url, jwks, signing_input};
use crate::world::World;

#[tokio::test]
async fn no_token_and_text_that_is_no_token_are_refused() {
    let world = World::with_acme(&[&TestKey::ed("d")]).await;

    assert_eq!(world.refused("").await, "token_missing");
    for text in [
        "x",
        ".",
        "..",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "e30.e30.",
        "e30.e30.e30",
        "W10.W10.e30",
        "ünïcödé.a.b",
    ] {
        assert_eq!(world.refused(text).await, "token_malformed", "{text}");
    }
}

#[tokio::test]
async fn a_token_cut_at_any_dot_is_refused() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let token = key.token(&world.claims());
    let dots: Vec<usize> = token.match_indices('.').map(|(at, _)| at).collect();

    assert_eq!(world.refused(&token[..dots[0]]).await, "token_malformed");
    assert_eq!(world.refused(&token[..=dots[0]]).await, "token_malformed");
    assert_eq!(world.refused(&token[..dots[1]]).await, "token_malformed");
    assert_eq!(world.refused(&token[..=dots[1]]).await, "token_signature");
    assert_eq!(world.refused(&token[dots[0]..]).await, "token_malformed");
    assert_eq!(
        world.refused(&token[dots[0] + 1..]).await,
        "token_malformed"
    );
}

#[tokio::test]
async fn a_token_over_the_size_bound_is_refused_and_one_below_it_is_not() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let padded = |length: usize| key.token(&world.claims_with("padding", "x".repeat(length)));

    assert_eq!(world.tenant(&padded(5_500)).await, "acme");
    assert_eq!(world.refused(&padded(8 * 1024)).await, "token_malformed");
}

#[tokio::test]
async fn a_signature_of_another_token_or_another_key_is_refused() {
    for (key, other) in [
        (TestKey::ec("k"), TestKey::ec("k")),
        (TestKey::ed("k"), TestKey::ed("k")),
    ] {
        let world = World::with_acme(&[&key]).await;
        let token = key.token(&world.claims());
        let second = key.token(&world.claims_with("sub", "user-2"));
        let swapped = format!(
            "{}.{}",
            token.rsplit_once('.').unwrap().0,
            second.rsplit_once('.').unwrap().1
        );

        assert_eq!(world.refused(&swapped).await, "token_signature");
        assert_eq!(
            world.refused(&other.token(&world.claims())).await,
            "token_signature"
        );
        assert_eq!(world.refused(&format!("{token}A")).await, "token_signature");
        assert_eq!(world.refused(&format!("{token}=")).await, "token_signature");
        assert_eq!(world.tenant(&token).await, "acme");
    }
}

#[tokio::test]
async fn other_algorithms_are_refused_before_any_key_or_tenant_is_looked_up() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let others = [
        "none", "None", "nOnE", "", "HS256", "HS384", "HS512", "ES512", "ES256K", "Ed448",
        "ESP256", "rs256", "eddsa",
    ];

    for alg in others {
        let header = json!({"alg": alg, "kid": "d"});
        assert_eq!(
            world
                .refused(&key.token_with(&header, &world.claims()))
                .await,
            "token_algorithm",
            "{alg}"
        );
    }
    let unsigned = signing_input(&json!({"alg": "none"}), &world.claims());
    assert_eq!(
        world.refused(&format!("{unsigned}.")).await,
        "token_algorithm"
    );
    assert_eq!((world.tenants.reads(), world.issuer.fetches()), (0, 0));
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_hmac_secret_is_refused() {
    let key = TestKey::rsa("r");
    let world = World::with_acme(&[&key]).await;
    let signed = |alg: &str| signing_input(&json!({"alg": alg, "kid": "r"}), &world.claims());

    for secret in [
        key.public_der(),
        key.rsa_modulus(),
        key.jwk().to_string().into_bytes(),
    ] {
        for (alg, code) in [("HS256", "token_algorithm"), ("RS256", "token_signature")] {
            let mac = hmac::sign(
                &hmac::Key::new(hmac::HMAC_SHA256, &secret),
                signed(alg).as_bytes(),
            );
            assert_eq!(
                world
                    .refused(&format!("{}.{}", signed(alg), base64url(mac)))
                    .await,
                code
            );
        }
    }
}

#[tokio::test]
async fn a_header_that_names_another_algorithm_than_its_key_is_refused() {
    let keys = [TestKey::rsa("r"), TestKey::ec("e"), TestKey::ed("d")];
    let world = World::with_acme(&keys.each_ref()).await;

    for key in &keys {
        for alg in ["RS256", "ES256", "EdDSA"]
            .into_iter()
            .filter(|alg| *alg != key.alg())
        {
            let token = key.token_with(&json!({"alg": alg, "kid": key.kid}), &world.claims());
            assert_eq!(
                world.refused(&token).await,
                "token_algorithm",
                "{alg} on {}",
                key.alg()
            );
        }
    }
}

#[tokio::test]
async fn keys_in_the_token_itself_count_for_nothing() {
    let (key, forged) = (TestKey::ed("d"), TestKey::ed("d"));
    let world = World::with_acme(&[&key]).await;
    let elsewhere = format!("{}/forged.json", world.issuer.url);
    world.issuer.serve("/forged.json", jwks(&[&forged]));
    let header = json!({"alg": "EdDSA", "kid": "d", "jwk": forged.jwk(), "jku": elsewhere, "x5u": elsewhere});

    assert_eq!(
        world
            .refused(&forged.token_with(&header, &world.claims()))
            .await,
        "token_signature"
    );
    assert_eq!(world.issuer.fetches(), 1);
}

#[tokio::test]
async fn a_header_that_asks_for_an_extension_to_be_understood_is_refused() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;

    for crit in [
        json!(["b64"]),
        json!([]),
        json!(null),
        json!("b64"),
        json!({}),
    ] {
        let header = json!({"alg": "EdDSA", "kid": "d", "crit": crit, "b64": false});
        assert_eq!(
            world
                .refused(&key.token_with(&header, &world.claims()))
                .await,
            "token_malformed",
            "{crit}"
        );
    }
}

#[tokio::test]
async fn a_header_with_a_parameter_of_another_type_is_refused_and_an_unknown_one_is_not() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let with = |name: &str, value: Value| {
        let mut header = json!({"alg": "EdDSA", "kid": "d", "typ": "at+jwt"});
        header[name] = value;
        key.token_with(&header, &world.claims())
    };

    for name in ["typ", "jku", "x5u", "x5c"] {
        let code = world.refused(&with(name, json!(7))).await;
        assert_eq!(code, "token_malformed", "{name}");
    }
    assert_eq!(world.tenant(&with("own", json!([7]))).await, "acme");
}

/// serde takes an array for a struct, its fields in order; and of two claims of one name the last.
#[tokio::test]
async fn a_header_and_claims_are_objects_that_name_everything_once() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let (header, claims) = (
        json!({"alg": "EdDSA", "kid": "d"}).to_string(),
        world.claims().to_string(),
    );
    let twice = |text: &str, more: &str| format!("{{{more},{}", &text[1..]);
    let cases = [
        (r#"["EdDSA","d"]"#.to_owned(), claims.clone()),
        (r#"["EdDSA","d",null]"#.to_owned(), claims.clone()),
        (twice(&header, r#""alg":"none""#), claims.clone()),
        (twice(&header, r#""kid":"e""#), claims.clone()),
        (header.clone(), twice(&claims, r#""sub":"another""#)),
        (header.clone(), twice(&claims, r#""exp":1"#)),
        (header.clone(), format!("[{claims}]")),
        (
            header.clone(),
            format!(
                "{{\"deep\":{}1{},{}",
                "[".repeat(70),
                "]".repeat(70),
                &claims[1..]
            ),
        ),
    ];

    assert_eq!(world.tenant(&key.token_of(&header, &claims)).await, "acme");
    for (header, claims) in cases {
        assert_eq!(
            world.refused(&key.token_of(&header, &claims)).await,
            "token_malformed",
            "{header} {claims}"
        );
    }
}

#[tokio::test]
async fn a_token_of_three_good_parts_is_told_which_of_them_is_refused_and_why() {
    let key = TestKey::ed("d");
    let world = World::with_acme(&[&key]).await;
    let claims = world.claims().to_string();
    let twice = format!("{{\"sub\":\"another\",{}", &claims[1..]);

    for (header, claims, told) in [
        (r#"{"alg":"EdDSA","crit":["b64"]}"#, &claims, "'crit'"),
        (r#"{"kid":"d"}"#, &claims, "'alg'"),
        (r#"{"alg":"EdDSA","kid":7}"#, &claims, "'kid'"),
        (
            r#"{"alg":"EdDSA","kid":"d"}"#,
            &twice,
            "without duplicate keys",
        ),
    ] {
        let error = world
            .authenticate(&key.token_of(header, claims))
            .await
            .unwrap_err();
        let text = error.message;
        assert_eq!(error.code, "token_malformed");
        assert!(
            text.contains(told) && !text.contains("three parts"),
            "{header}: {text}"
        );
    }
}

#[tokio::test]
async fn a_forged_token_learns_nothing_about_its_claims() {
    let (key, forged) = (TestKey::ed("d"), TestKey::ed("d"));
    let world = World::with_acme(&[&key]).await;
    world.tenants.orphan("acme");

    assert_eq!(
        world
            .refused(&forged.token(&world.claims_with("exp", 1)))
            .await,
        "token_signature"
    );
    assert_eq!(
        world
            .refused(&forged.token(&world.claims_with("aud", "x")))
            .await,
        "token_signature"
    );
    assert_eq!(
        world.refused(&forged.token(&world.claims())).await,
        "token_signature"
    );
}
