//! The issuer of local mode is an issuer like any other.

use fluxgate_core::Kind;
use fluxgate_core::tenant::{ClaimMatch, KeySource};
use fluxgate_edge::auth::{LocalIssuer, TokenClaims};
use serde_json::json;

use crate::signing::base64url;
use crate::world::{AUDIENCE, World};

#[tokio::test]
async fn a_token_of_the_local_issuer_speaks_for_the_tenant_of_its_claim() {
    let (local, _) = LocalIssuer::generate();
    let world = World::new().await;
    world.tenants.add(
        "acme",
        world.trust_for(KeySource::Jwks(local.jwks()), "tenant", "acme"),
    );
    world.tenants.add(
        "bolt",
        world.trust_for(KeySource::Jwks(local.jwks()), "tenant", "bolt"),
    );

    let principal = world
        .authenticate(&local.sign(&claims(&world, "tenant", "bolt")).unwrap())
        .await
        .unwrap();

    assert_eq!(
        (principal.tenant.as_str(), principal.subject.as_deref()),
        ("bolt", Some("laptop"))
    );
}

#[tokio::test]
async fn a_kept_key_signs_for_the_key_set_it_was_published_with() {
    let (first, document) = LocalIssuer::generate();
    let again = LocalIssuer::from_pkcs8(&document).unwrap();
    let world = World::new().await;
    world
        .tenants
        .add("acme", world.trust(KeySource::Jwks(first.jwks())));

    assert_eq!(again.jwks(), first.jwks());
    assert_eq!(
        world
            .tenant(&again.sign(&claims(&world, "tenant", "acme")).unwrap())
            .await,
        "acme"
    );
}

#[tokio::test]
async fn the_tenant_s_claim_cannot_take_the_place_of_a_registered_one() {
    let (local, _) = LocalIssuer::generate();
    let world = World::new().await;
    world
        .tenants
        .add("acme", world.trust(KeySource::Jwks(local.jwks())));

    let token = local
        .sign(&claims(&world, "aud", "https://other.example"))
        .unwrap();

    assert_eq!(world.tenant(&token).await, "acme");
}

#[test]
fn the_kid_is_the_thumbprint_of_the_example_in_rfc_8037() {
    // Appendix A.1 and A.3: the seed, and the thumbprint of its public key. The prefix is the
    // PKCS#8 of RFC 8410, section 7.
    let seed =
        hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let prefix = hex::decode("302e020100300506032b657004220420").unwrap();

    let local = LocalIssuer::from_pkcs8(&[prefix, seed].concat()).unwrap();

    assert_eq!(
        local.jwks()["keys"][0]["x"],
        json!("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")
    );
    assert_eq!(
        local.jwks()["keys"][0]["kid"],
        json!("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    );
}

#[test]
fn what_is_no_ed25519_key_is_refused() {
    for document in [Vec::new(), base64url("key").into_bytes(), vec![0x30; 48]] {
        let error = LocalIssuer::from_pkcs8(&document).err().unwrap();

        assert_eq!(
            (error.kind, error.code),
            (Kind::Invalid, "invalid_signing_key")
        );
    }
}

fn claims(world: &World, name: &str, value: &str) -> TokenClaims {
    TokenClaims {
        iss: world.issuer.url.clone(),
        aud: AUDIENCE.to_owned(),
        sub: "laptop".to_owned(),
        claim: Some(ClaimMatch {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        iat: world.now(),
        nbf: world.now(),
        exp: world.now().plus_ms(3_600_000),
        jti: "1".to_owned(),
    }
}
