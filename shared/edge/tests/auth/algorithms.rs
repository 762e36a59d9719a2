//! Each algorithm, and each key for its own alone.

use fluxgate_core::tenant::KeySource;
use serde_json::{Value, json};

use crate::signing::{TestKey, base64url};
use crate::world::World;

const OF_RSA: [&str; 6] = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

async fn world_of(keys: &[Value]) -> World {
    let world = World::new().await;
    let keys = KeySource::Jwks(json!({ "keys": keys }));
    world.tenants.add("acme", world.trust(keys));
    world
}

fn with(mut jwk: Value, name: &str, value: impl Into<Value>) -> Value {
    jwk[name] = value.into();
    jwk
}

#[tokio::test]
async fn a_token_of_each_accepted_algorithm_speaks_for_its_tenant() {
    let (rsa, ed) = (TestKey::rsa("r"), TestKey::ed("d"));
    let (ec, ec384) = (TestKey::ec("e"), TestKey::ec384("e384"));
    let world = World::with_acme(&[&rsa, &ec, &ec384, &ed]).await;
    let of_rsa = OF_RSA.map(|alg| (&rsa, alg));
    let others = [
        (&ec, "ES256"),
        (&ec384, "ES384"),
        (&ed, "EdDSA"),
        (&ed, "Ed25519"),
    ];

    for (key, alg) in of_rsa.into_iter().chain(others) {
        let principal = world
            .authenticate(&key.token_by(alg, &world.claims()))
            .await;

        let principal = principal.unwrap_or_else(|error| panic!("{alg}: {error}"));
        assert_eq!(
            (principal.tenant.as_str(), principal.subject.as_deref()),
            ("acme", Some("user-1"))
        );
    }
}

#[tokio::test]
async fn a_key_that_names_its_algorithm_verifies_no_other() {
    let key = TestKey::rsa("r");
    for named in OF_RSA {
        let world = world_of(&[with(key.jwk(), "alg", named)]).await;
        for alg in OF_RSA {
            let token = key.token_by(alg, &world.claims());
            if alg == named {
                assert_eq!(world.tenant(&token).await, "acme");
            } else {
                assert_eq!(
                    world.refused(&token).await,
                    "token_algorithm",
                    "{alg} by {named}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_signature_by_another_algorithm_than_the_header_says_is_none() {
    let key = TestKey::rsa("r");
    let world = World::with_acme(&[&key]).await;
    let signed = key.token_by("PS256", &world.claims());
    let (_, signature) = signed.rsplit_once('.').unwrap();
    let said = key.token_by("RS256", &world.claims());
    let (input, _) = said.rsplit_once('.').unwrap();

    assert_eq!(
        world.refused(&format!("{input}.{signature}")).await,
        "token_signature"
    );
}

#[tokio::test]
async fn both_names_of_ed25519_are_one_algorithm() {
    let key = TestKey::ed("d");
    for named in ["EdDSA", "Ed25519"] {
        let world = world_of(&[with(key.jwk(), "alg", named)]).await;
        for alg in ["EdDSA", "Ed25519"] {
            let token = key.token_by(alg, &world.claims());
            assert_eq!(world.tenant(&token).await, "acme", "{alg} by {named}");
        }
    }
}

/// As issuers write them: padded, in plain base64, with a zero in front or without one.
#[tokio::test]
async fn a_key_is_read_however_its_numbers_are_written() {
    let rsa = TestKey::rsa("r");
    let n = rsa.rsa_modulus();
    let zero_first = [vec![0], n.clone()].concat();
    let plain = |bytes: &[u8]| {
        let text = base64url(bytes).replace('-', "+").replace('_', "/");
        format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4))
    };
    for written in [plain(&n), base64url(&zero_first), plain(&zero_first)] {
        let world = world_of(&[with(rsa.jwk(), "n", written)]).await;
        assert_eq!(world.tenant(&rsa.token(&world.claims())).await, "acme");
    }

    for key in [TestKey::ec("e"), TestKey::ec384("e")] {
        let jwk = key.jwk();
        let padded = with(jwk.clone(), "x", format!("{}=", jwk["x"].as_str().unwrap()));
        let world = world_of(&[padded]).await;
        let is_taken = world
            .authenticate(&key.token(&world.claims()))
            .await
            .is_ok();
        // 48 bytes are 64 signs, which no sign pads.
        assert_eq!(is_taken, key.alg() == "ES256", "{}", key.alg());
    }
    assert_eq!(short_coordinate_taken().await, "acme");
}

/// One coordinate in 256 begins with a zero, which some issuers leave out.
async fn short_coordinate_taken() -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let found = std::iter::repeat_with(|| TestKey::ec("e")).find_map(|key| {
        let x = URL_SAFE_NO_PAD.decode(key.jwk()["x"].as_str()?).ok()?;
        (x[0] == 0).then_some((key, base64url(&x[1..])))
    });
    let (key, x) = found.unwrap();
    let world = world_of(&[with(key.jwk(), "x", x)]).await;
    world.tenant(&key.token(&world.claims())).await
}

#[tokio::test]
async fn a_token_whose_key_is_of_no_use_is_told_why() {
    let ec = TestKey::ec("e");
    let short = json!({"kty": "RSA", "kid": "e", "n": base64url([0xff; 128]), "e": "AQAB"});
    for (jwk, told) in [
        (short, "has 1024 bits"),
        (
            with(ec.jwk(), "y", base64url([1; 32])),
            "is not a point of its curve",
        ),
        (
            with(ec.jwk(), "use", "enc"),
            "is not for verifying signatures",
        ),
        (with(ec.jwk(), "alg", "RS256"), "'alg' that is not accepted"),
        (
            with(ec.jwk(), "x", "ä"),
            "'x' or 'y' is no base64url number",
        ),
    ] {
        let world = world_of(&[jwk]).await;

        let why = world.why_refused(&ec.token(&world.claims())).await;

        assert!(why.contains(told), "{why}");
    }
}
