//! Which issuers a tenant trusts, and which trusts are refused.

use fluxgate_tests::operator::{TestIssuer, new_tenant};
use fluxgate_tests::{Gateway, eventually};
use serde_json::json;

use super::ISSUER;

#[tokio::test]
async fn one_issuer_serves_many_tenants_and_one_tenant_trusts_several_issuers() {
    let gateway = Gateway::start().await;
    let (operator, base_url) = (gateway.operator(), gateway.server.base_url());
    let (shared, own) = (
        TestIssuer::new(ISSUER),
        TestIssuer::new("https://own.example"),
    );
    operator
        .tenant("acme", &[shared.trust_for("a"), own.trust()], "1")
        .await;
    operator.tenant("bolt", &[shared.trust_for("b")], "2").await;

    let balance =
        async |issuer: &TestIssuer, org| issuer.caller("any", &base_url, org).balance_usd().await;

    assert_eq!(balance(&shared, Some(("org", "a"))).await, 1.0);
    assert_eq!(balance(&shared, Some(("org", "b"))).await, 2.0);
    assert_eq!(balance(&own, None).await, 1.0);
}

#[tokio::test]
async fn an_issuer_whose_tokens_could_mean_two_tenants_is_refused() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    let other = TestIssuer::new("https://other.example");
    operator.tenant("acme", &[issuer.trust_for("a")], "1").await;
    operator.tenant("bolt", &[other.trust()], "1").await;
    let before = operator.audit().await;
    let mut elsewhere = other.trust();
    elsewhere["audience"] = json!("another");

    for trust in [issuer.trust(), issuer.trust_for("a"), elsewhere.clone()] {
        let created = operator
            .post("/tenants", &new_tenant("third", &[trust]))
            .await;
        assert_eq!(
            (created.status.as_u16(), created.text("/code").as_str()),
            (409, "issuer_ambiguous")
        );
        assert!(
            created
                .text("/detail")
                .contains("claim with different values"),
            "{:?}",
            created.body
        );
    }
    let changed = operator
        .patch(
            "/tenants/bolt",
            &json!({ "trust": [other.trust(), issuer.trust()] }),
        )
        .await;
    let twice = operator
        .patch(
            "/tenants/bolt",
            &json!({ "trust": [other.trust(), elsewhere] }),
        )
        .await;

    assert_eq!(
        (changed.status.as_u16(), changed.text("/code").as_str()),
        (409, "issuer_ambiguous")
    );
    assert_eq!(
        (twice.status.as_u16(), twice.text("/code").as_str()),
        (400, "invalid_trust")
    );
    assert_eq!(operator.get("/tenants/third").await.status, 404);
    assert_eq!(operator.get("/tenants/bolt").await.body["version"], 1);
    assert_eq!(
        issuer
            .caller("bolt", &gateway.server.base_url(), None)
            .get("/api/v3/balance")
            .await
            .status,
        401
    );
    assert_eq!(operator.audit().await, before);
}

#[tokio::test]
async fn a_changed_trust_counts_and_the_old_one_does_no_more() {
    let gateway = Gateway::start().await;
    let (operator, base_url) = (gateway.operator(), gateway.server.base_url());
    let (old, new) = (
        TestIssuer::new(ISSUER),
        TestIssuer::new("https://new.example"),
    );
    operator.tenant("acme", &[old.trust()], "1").await;
    assert_eq!(old.caller("acme", &base_url, None).balance_usd().await, 1.0);

    let changed = operator
        .patch("/tenants/acme", &json!({ "trust": [new.trust()] }))
        .await;

    assert_eq!(
        (changed.status.as_u16(), &changed.body["version"]),
        (200, &json!(2))
    );
    assert_eq!(new.caller("acme", &base_url, None).balance_usd().await, 1.0);
    eventually("the old issuer to be refused", || async {
        let answer = old
            .caller("acme", &base_url, None)
            .get("/api/v3/balance")
            .await;
        (answer.text("/error_code") == "token_issuer_unknown").then_some(())
    })
    .await;
}

/// Two primes of the form that a faulty library made (CVE-2017-15361), multiplied; and a key of
/// 1,024 bits.
const WEAK: [&str; 2] = [
    "-55adWADMLuqo1Ln2lFCi8lpZVZ9aM1UYBHAoG4-OqECzPrtA5YVMexj2MksqXm46LfTjSLotoMe3o9QeKM5Me3yhdo8q\
     V6Tuzd4WzLH2qmeRMBZ1D0UeY8ftb8Dg2s3lX3wfJwjZfX9DXig1rG9wJ2YcjIbMHnGywQIo3ZAciUYKe5IFMUhhvuDOi\
     299WW1GUd7_wW3DDl9eTW9eodZqVNVXKYjjr_dCpt9-UTJcdKloo8Dbl1rH7MS2pZWqI0DTwdbwx1m6RnShgURWz76gjP\
     R8OgV10VxFCVghSxW8iel5b6Ag9GF2Y_EP9lRw1pa9_fisHrv98oFrxAg5CrMPQ",
    "_____________________________\
      ____________________________________________________________________________________________\
      _________________________________________________8",
];

#[tokio::test]
async fn a_trust_in_a_key_that_can_be_broken_is_refused_by_name() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let before = operator.get("/tenants/acme").await.body;
    let sound = TestIssuer::new(ISSUER).trust();

    for modulus in WEAK {
        let mut trust = sound.clone();
        let key = json!({ "kty": "RSA", "kid": "old", "n": modulus, "e": "AQAB" });
        trust["keys"]["jwks"]["keys"]
            .as_array_mut()
            .unwrap()
            .push(key);
        let made = operator
            .post(
                "/tenants",
                &new_tenant("bolt", std::slice::from_ref(&trust)),
            )
            .await;
        let changed = operator
            .patch("/tenants/acme", &json!({ "trust": [trust] }))
            .await;

        for refused in [made, changed] {
            assert_eq!(
                (refused.status.as_u16(), refused.text("/code")),
                (400, "weak_key".to_owned())
            );
            assert!(
                refused.text("/detail").contains("'old'"),
                "{:?}",
                refused.body
            );
        }
    }
    assert_eq!(operator.get("/tenants/acme").await.body, before);
    assert_eq!(
        operator
            .post("/tenants", &new_tenant("bolt", &[sound]))
            .await
            .status,
        201
    );
}
