//! Tokens as well-known identity providers make them, accepted by what their presets say. The
//! issuer is local, with discovery and keys as the provider has them.

use std::collections::BTreeSet;

use fluxgate_core::id::TenantId;
use fluxgate_core::tenant::{KeySource, Scope, Trust, TrustDraft};
use serde_json::{Value, json};

use crate::signing::{TestKey, jwks};
use crate::world::World;

struct Shape {
    /// What an operator writes.
    trust: Value,
    /// The tenant that it is for.
    tenant: &'static str,
    /// What follows the provider's host in `iss`.
    path: &'static str,
    alg: &'static str,
    claims: Value,
    scopes: &'static [Scope],
    /// The claims by which the token is for us, and for this tenant; changed, it is not.
    audience: &'static str,
    tenant_claim: &'static str,
}

const SUBMIT: &[Scope] = &[Scope::Submit];

fn shapes() -> Vec<Shape> {
    let mut shapes = of_platforms();
    shapes.extend(of_directories());
    shapes.extend(of_projects());
    shapes
}

fn common(trust: Value, path: &'static str, claims: Value) -> Shape {
    Shape {
        trust,
        tenant: "acme",
        path,
        alg: "RS256",
        claims,
        scopes: &Scope::UNMAPPED,
        audience: "aud",
        tenant_claim: "",
    }
}

fn of_platforms() -> Vec<Shape> {
    vec![
        Shape {
            scopes: &[Scope::Submit, Scope::Read],
            audience: "client_id",
            tenant_claim: "cognito:groups",
            ..common(
                json!({ "preset": "cognito:eu-central-1_AbC123", "audience": "client-1" }),
                "/eu-central-1_AbC123",
                json!({
                    "token_use": "access", "client_id": "client-1", "username": "a1",
                    "scope": "fluxgate/submit fluxgate/read", "cognito:groups": ["users", "acme"],
                }),
            )
        },
        Shape {
            scopes: SUBMIT,
            tenant_claim: "org_id",
            ..common(
                json!({ "preset": "auth0:acme.eu.auth0.com", "audience": "fluxgate", "tenant_value": "org_9" }),
                "/",
                json!({
                    "aud": ["fluxgate", "https://acme.eu.auth0.com/userinfo"], "azp": "spa",
                    "org_id": "org_9", "scope": "openid profile", "permissions": ["submit:images"],
                }),
            )
        },
        Shape {
            scopes: SUBMIT,
            tenant_claim: "https://acme.example/org",
            ..common(
                json!({
                    "preset": "auth0:acme.eu.auth0.com", "audience": "fluxgate",
                    "tenant_pointer": "/https:~1~1acme.example~1org",
                }),
                "/",
                json!({
                    "aud": "fluxgate", "https://acme.example/org": "acme",
                    "permissions": ["submit:images"],
                }),
            )
        },
    ]
}

fn of_directories() -> Vec<Shape> {
    vec![
        Shape {
            scopes: SUBMIT,
            tenant_claim: "tid",
            ..common(
                json!({ "preset": "entra:7f3c1b0e-0a", "audience": "api-guid" }),
                "/7f3c1b0e-0a/v2.0",
                json!({
                    "aud": "api-guid", "tid": "7f3c1b0e-0a", "azp": "app-guid", "ver": "2.0",
                    "roles": ["Images.Submit"],
                }),
            )
        },
        Shape {
            alg: "PS256",
            scopes: SUBMIT,
            audience: "azp",
            tenant_claim: "organization",
            ..common(
                json!({ "preset": "keycloak:https://id.example/realms/acme", "audience": "web" }),
                "/realms/acme",
                json!({
                    "aud": "account", "azp": "web", "organization": ["acme"],
                    "realm_access": { "roles": ["submit", "offline_access"] },
                }),
            )
        },
        Shape {
            tenant_claim: "hd",
            ..common(
                json!({ "preset": "google:1-a.apps.googleusercontent.com", "tenant_value": "acme.example" }),
                "",
                json!({
                    "aud": "1-a.apps.googleusercontent.com", "hd": "acme.example",
                    "azp": "1-a.apps.googleusercontent.com", "email": "a@acme.example",
                }),
            )
        },
    ]
}

fn of_projects() -> Vec<Shape> {
    vec![
        Shape {
            audience: "azp",
            tenant_claim: "o",
            ..common(
                json!({
                    "preset": "clerk:clerk.acme.example", "audience": "https://app.acme.example",
                    "tenant_value": "org_1",
                }),
                "",
                json!({
                    "azp": "https://app.acme.example", "sid": "sess_1", "v": 2,
                    "o": { "id": "org_1", "slg": "acme", "rol": "admin" },
                }),
            )
        },
        Shape {
            alg: "ES256",
            tenant_claim: "app_metadata",
            ..common(
                json!({ "preset": "supabase:abcdefgh" }),
                "/auth/v1",
                json!({
                    "aud": "authenticated", "role": "authenticated", "is_anonymous": false,
                    "app_metadata": { "provider": "email", "tenant_id": "acme" },
                    "user_metadata": { "tenant_id": "bolt" },
                }),
            )
        },
        Shape {
            tenant_claim: "firebase",
            ..common(
                json!({ "preset": "firebase:project-1", "tenant_value": "acme-x1" }),
                "/project-1",
                json!({
                    "aud": "project-1", "user_id": "u1",
                    "firebase": { "tenant": "acme-x1", "sign_in_provider": "password" },
                }),
            )
        },
    ]
}

fn completed(trust: &Value, tenant: &str) -> Trust {
    let draft: TrustDraft = serde_json::from_value(trust.clone()).unwrap();
    let tenant = TenantId::parse(tenant).unwrap();
    TrustDraft::complete_all(vec![draft], &tenant)
        .unwrap()
        .remove(0)
}

/// The preset's issuer and the place of its keys, moved to the local server.
fn local(world: &World, shape: &Shape, key: &TestKey) -> (String, Value) {
    let preset = completed(&shape.trust, shape.tenant);
    let issuer = format!("{}{}", world.issuer.url, shape.path);
    assert!(preset.issuer.ends_with(shape.path), "{}", preset.issuer);
    let mut trust = shape.trust.clone();
    trust["issuer"] = json!(issuer);
    let base = format!("{}/.well-known", shape.path.trim_end_matches('/'));
    match preset.keys {
        KeySource::JwksUrl(url) => {
            assert!(url.ends_with(&format!("{base}/jwks.json")), "{url}");
            let url = format!("{}{base}/jwks.json", world.issuer.url);
            trust["keys"] = json!({ "jwks_url": url });
            world
                .issuer
                .serve(&format!("{base}/jwks.json"), jwks(&[key]));
        }
        _ => {
            let document = json!({ "issuer": issuer, "jwks_uri": world.issuer.jwks_url() });
            world
                .issuer
                .serve(&format!("{base}/openid-configuration"), document);
            world.issuer.serve_jwks(jwks(&[key]));
        }
    }
    (issuer, trust)
}

#[tokio::test]
async fn a_token_of_each_provider_is_accepted_by_its_preset_alone() {
    for shape in shapes() {
        let name = shape.trust["preset"].as_str().unwrap();
        let key = match shape.alg {
            "ES256" => TestKey::ec("k"),
            _ => TestKey::rsa("k"),
        };
        let world = World::new().await;
        let (issuer, trust) = local(&world, &shape, &key);
        world
            .tenants
            .add(shape.tenant, completed(&trust, shape.tenant));
        let mut claims = world.claims_with("iss", issuer);
        claims.as_object_mut().unwrap().remove("aud");
        claims
            .as_object_mut()
            .unwrap()
            .extend(shape.claims.as_object().unwrap().clone());

        let principal = world.authenticate(&key.token_by(shape.alg, &claims)).await;

        let principal = principal.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(principal.tenant.as_str(), shape.tenant, "{name}");
        let scopes: BTreeSet<Scope> = shape.scopes.iter().copied().collect();
        assert_eq!(principal.scopes, scopes, "{name}");
        for (claim, code) in [
            (shape.audience, "token_audience"),
            (shape.tenant_claim, "tenant_unknown"),
        ] {
            let mut other = claims.clone();
            other[claim] = json!("another");
            let token = key.token_by(shape.alg, &other);
            assert_eq!(world.refused(&token).await, code, "{name}: {claim}");
        }
    }
}

#[test]
fn a_preset_says_what_it_still_needs() {
    let tenant = TenantId::parse("acme").unwrap();
    let refused = |trust: Value| {
        let draft: TrustDraft = serde_json::from_value(trust).unwrap();
        TrustDraft::complete_all(vec![draft], &tenant).unwrap_err()
    };

    for (preset, told) in [
        ("cognito:eu-west-1_x", "the app client's id"),
        ("auth0:a.auth0.com", "the API's identifier"),
        ("entra:7f", "the API's application (client) id"),
        ("clerk:a.clerk.dev", "the origin of your page"),
        ("keycloak:https://a.example/realms/b", "the client's id"),
    ] {
        let error = refused(json!({ "preset": preset }));
        assert_eq!(
            error.field.as_deref(),
            Some("trust[0].audience"),
            "{preset}"
        );
        assert!(error.message.contains(told), "{}", error.message);
    }
    let as_issuer = completed(&json!({ "issuer": "google:client-1" }), "acme");
    assert_eq!(as_issuer.issuer, "https://accounts.google.com");
    assert_eq!(
        refused(json!({ "audience": "x" })).field.as_deref(),
        Some("trust[0].issuer")
    );
    assert!(
        refused(json!({ "preset": "okta:x" }))
            .message
            .contains("there are cognito")
    );
}

#[test]
fn what_is_given_beside_a_preset_takes_its_place() {
    let trust = json!({
        "preset": "keycloak:https://id.example/realms/acme", "audience": ["a", "b"],
        "audience_claim": "aud", "claim": null, "scopes": null,
        "keys": { "jwks_url": "https://id.example/keys" },
    });

    let trust = completed(&trust, "acme");

    assert_eq!(
        serde_json::to_value(&trust).unwrap(),
        json!({
            "issuer": "https://id.example/realms/acme", "audience": ["a", "b"],
            "keys": { "jwks_url": "https://id.example/keys" },
        })
    );
}
