//! Authentication: every bad token is a 401 with a reason that shows nothing of the token.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::tenant::ClaimMatch;
use fluxgate_core::time::Timestamp;
use fluxgate_edge::auth::{LocalIssuer, TokenClaims};
use fluxgate_local::folder::{LOCAL_AUDIENCE, LOCAL_ISSUER, TENANT_CLAIM};
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::json;

fn claims() -> TokenClaims {
    let now = SystemClock.now();
    TokenClaims {
        iss: LOCAL_ISSUER.to_owned(),
        aud: LOCAL_AUDIENCE.to_owned(),
        sub: "someone".to_owned(),
        claim: Some(ClaimMatch {
            name: TENANT_CLAIM.to_owned(),
            value: "acme".to_owned(),
        }),
        iat: now,
        nbf: now,
        exp: now.plus_ms(60_000),
        jti: "1".to_owned(),
    }
}

/// A token by hand: this header, these claims, this signature.
fn forged(
    header: &serde_json::Value,
    claims: &serde_json::Value,
    sign: impl Fn(&str) -> Vec<u8>,
) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(&signed));
    format!("{signed}.{signature}")
}

fn in_ms(ms: i64) -> Timestamp {
    Timestamp(SystemClock.now().0 + ms)
}

/// Signed by the issuer, with one claim wrong.
fn with_bad_claims(issuer: &LocalIssuer) -> Vec<(String, &'static str)> {
    let iss = |iss: String| TokenClaims { iss, ..claims() };
    let expired = TokenClaims {
        exp: in_ms(-120_000),
        ..claims()
    };
    let early = TokenClaims {
        nbf: in_ms(120_000),
        ..claims()
    };
    let for_another = TokenClaims {
        aud: "another".to_owned(),
        ..claims()
    };
    let of_nobody = TokenClaims {
        claim: None,
        ..claims()
    };
    let cases = [
        (expired, "token_expired"),
        (early, "token_not_yet_valid"),
        (
            iss("https://elsewhere.example".to_owned()),
            "token_issuer_unknown",
        ),
        (iss("i".repeat(3_000)), "token_issuer_unknown"),
        (for_another, "token_audience"),
        (of_nobody, "tenant_unknown"),
    ];
    cases
        .map(|(claims, code)| (issuer.sign(&claims).unwrap(), code))
        .into()
}

/// Without a signature of the issuer, or with a part of one.
fn with_bad_signatures(issuer: &LocalIssuer) -> Vec<(String, &'static str)> {
    let good = issuer.sign(&claims()).unwrap();
    let exp = in_ms(60_000).seconds();
    let payload =
        json!({ "iss": LOCAL_ISSUER, "aud": LOCAL_AUDIENCE, "tenant": "acme", "exp": exp });
    let key = &issuer.jwks()["keys"][0];
    let public_key = key["x"].as_str().unwrap().to_owned();
    let hmac_by_public_key = |signed: &str| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, public_key.as_bytes());
        hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
    };
    let by_hmac = json!({ "alg": "HS256", "kid": key["kid"] });
    vec![
        (
            forged(&json!({ "alg": "none" }), &payload, |_| Vec::new()),
            "token_algorithm",
        ),
        (
            forged(&by_hmac, &payload, hmac_by_public_key),
            "token_algorithm",
        ),
        (good[..good.len() - 4].to_owned(), "token_signature"),
        (
            good.rsplit_once('.').unwrap().0.to_owned(),
            "token_malformed",
        ),
        ("not-a-token".to_owned(), "token_malformed"),
    ]
}

#[tokio::test]
async fn every_bad_token_is_401_with_its_reason_and_nothing_is_sent() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let issuer = &gateway.server.folder().secrets.issuer;
    let caller =
        |token: String| TestTenant::new(tenant.id.clone(), &gateway.server.base_url(), token);

    for (token, code) in [with_bad_claims(issuer), with_bad_signatures(issuer)].concat() {
        let answer = caller(token.clone())
            .post("/api/v3/wavespeed-ai/flux-kontext-max", &json!({}))
            .await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/error_code").as_str()),
            (401, code),
            "{:?}",
            answer.body
        );
        assert!(!answer.body.to_string().contains(token.as_str()));
    }
    let by_stranger = LocalIssuer::generate().0.sign(&claims()).unwrap();
    let answer = caller(by_stranger).get("/api/v3/balance").await;
    assert_eq!(answer.status, 401);
    let of_nobody = TokenClaims {
        claim: Some(ClaimMatch {
            name: TENANT_CLAIM.to_owned(),
            value: "nobody".to_owned(),
        }),
        ..claims()
    };
    let unknown = issuer.sign(&of_nobody).unwrap();
    let answer = caller(unknown).get("/v1/endpoints").await;
    assert_eq!(
        (answer.status.as_u16(), answer.text("/code").as_str()),
        (401, "tenant_unknown")
    );
    assert_eq!(gateway.emulator.request_count("submit"), 0);
}

/// Another server on the way may have checked the other one.
#[tokio::test]
async fn two_authorization_headers_are_401_on_every_api() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let admin = gateway
        .server
        .folder()
        .secrets
        .admin_token
        .expose()
        .to_owned();

    for (path, token, code) in [
        ("/api/v3/balance", &tenant.token, "token_repeated"),
        ("/v1/endpoints", &tenant.token, "token_repeated"),
        ("/admin/v1/tenants", &admin, "admin_token"),
    ] {
        let once = gateway.http().get(gateway.url(path)).bearer_auth(token);
        let twice = once
            .try_clone()
            .unwrap()
            .header("authorization", format!("Bearer {token}"));
        assert_eq!(once.send().await.unwrap().status(), 200, "{path}");
        let refused = twice.send().await.unwrap();
        assert_eq!(refused.status(), 401, "{path}");
        assert!(refused.text().await.unwrap().contains(code), "{path}");
    }
    let health = gateway
        .http()
        .get(gateway.url("/healthz"))
        .bearer_auth(&admin)
        .bearer_auth(&admin);
    assert!(
        !health
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .contains("settings")
    );
}

#[tokio::test]
async fn a_request_without_a_token_is_401_and_says_how_to_send_one() {
    let gateway = Gateway::start().await;

    let provider = gateway
        .http()
        .get(gateway.url("/api/v3/balance"))
        .send()
        .await
        .unwrap();
    let native = gateway
        .http()
        .get(gateway.url("/v1/endpoints"))
        .send()
        .await
        .unwrap();

    assert_eq!(
        (provider.status().as_u16(), native.status().as_u16()),
        (401, 401)
    );
    assert_eq!(provider.headers()["www-authenticate"], "Bearer");
    assert_eq!(native.headers()["content-type"], "application/problem+json");
    let body: serde_json::Value = provider.json().await.unwrap();
    assert_eq!(
        (&body["code"], &body["error_code"]),
        (&json!(401), &json!("token_missing"))
    );
}
