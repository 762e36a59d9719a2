//! Tenants by the admin API: made, changed, suspended and deleted; and what is refused, with
//! nothing half done.

use std::time::Duration;

use fluxgate_tests::operator::{TestIssuer, new_tenant};
use fluxgate_tests::{Gateway, GatewayOptions, TestOperator, eventually};
use serde_json::{Value, json};

const ISSUER: &str = "https://id.example";

#[tokio::test]
async fn nobody_without_the_admin_token_is_let_in() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for token in ["", "fga_0", tenant.token.as_str()] {
        let stranger = TestOperator::new(&gateway.server.base_url(), token);
        for answer in [
            stranger.get("/tenants").await,
            stranger.get("/audit").await,
            stranger.delete("/tenants/acme").await,
            stranger.put("/tenants", &json!({})).await,
        ] {
            assert_eq!(
                (answer.status.as_u16(), answer.text("/code").as_str()),
                (401, "admin_token")
            );
            assert!(answer.text("/detail").contains("fluxgate token --admin"));
            assert!(!answer.headers.contains_key("access-control-allow-origin"));
        }
    }
    assert_eq!(tenant.get("/api/v3/balance").await.status, 200);
    assert_eq!(
        gateway.operator().get("/tenants").await.body[0]["id"],
        "acme"
    );
}

#[tokio::test]
async fn a_tenant_that_the_api_made_works_at_once() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    operator.tenant("acme", &[issuer.trust()], "1").await;

    let tenant = issuer.caller("acme", &gateway.server.base_url(), None);
    let task = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    let probe = operator
        .post("/tenants/acme/destination/probe", &json!({}))
        .await;
    assert_eq!(
        (probe.status.as_u16(), &probe.body["passed"]),
        (200, &json!(true)),
        "{:?}",
        probe.body
    );
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}

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
    "-55adWADMLuqo1Ln2lFCi8lpZVZ9aM1UYBHAoG4-OqECzPrtA5YVMexj2MksqXm46LfTjSLotoMe3o9QeKM5Me3yhdo8qV6Tuzd4WzLH2qmeRMBZ1D0\
     UeY8ftb8Dg2s3lX3wfJwjZfX9DXig1rG9wJ2YcjIbMHnGywQIo3ZAciUYKe5IFMUhhvuDOi299WW1GUd7_wW3DDl9eTW9eodZqVNVXKYjjr_dCpt9-UT\
     JcdKloo8Dbl1rH7MS2pZWqI0DTwdbwx1m6RnShgURWz76gjPR8OgV10VxFCVghSxW8iel5b6Ag9GF2Y_EP9lRw1pa9_fisHrv98oFrxAg5CrMPQ",
    "__________________________________________________________________________________________________________________\
     ________________________________________________________8",
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

#[tokio::test]
async fn a_changed_destination_takes_later_outputs() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let destination = json!({ "destination": { "bucket": "another-bucket", "prefix": "p/q" } });

    let changed = operator.patch("/tenants/acme", &destination).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(changed.status, 200, "{:?}", changed.body);
    assert!(
        prediction["objects"][0]["s3_uri"]
            .as_str()
            .unwrap()
            .starts_with("s3://another-bucket/p/q/")
    );
}

#[tokio::test]
async fn what_cannot_be_changed_is_refused_and_nothing_is() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let issuer = TestIssuer::new(ISSUER);
    let before = (
        operator.get("/tenants/acme").await.body,
        operator.audit().await,
    );

    for (change, code) in [
        (json!({}), "nothing_to_change"),
        (json!({ "state": "suspended" }), "invalid_json"),
        (json!({ "trust": [] }), "invalid_trust"),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "", "keys": "oidc" }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": "i".repeat(1_025), "audience": "a", "keys": { "jwks_url": "https://a.example" } }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": "urn:x", "audience": "a", "keys": "oidc" }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": { "jwks_url": "x" } }] }),
            "invalid_trust",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": { "jwks": {} } }] }),
            "invalid_trust",
        ),
        // A restriction with a slip of the pen restricts nothing, so it is no trust at all.
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": "oidc", "scope": { "claim": "scope", "words": {} } }] }),
            "invalid_json",
        ),
        (
            json!({ "trust": [{ "issuer": ISSUER, "audience": "a", "keys": "oidc", "claims": { "name": "org", "value": "acme" } }] }),
            "invalid_json",
        ),
        // The trust is right and the destination is not: neither is changed.
        (
            json!({ "trust": [issuer.trust()], "destination": { "bucket": "No Bucket" } }),
            "invalid_bucket",
        ),
        (
            json!({ "destination": { "bucket": "b-1", "prefix": "a/../b" } }),
            "invalid_prefix",
        ),
        (
            json!({ "destination": { "bucket": "b-1", "role_arn": "x" } }),
            "invalid_role",
        ),
        (
            json!({ "destination": { "bucket": "b-1", "role_arn": "arn:aws:iam::210987654321:role/x" } }),
            "invalid_role",
        ),
    ] {
        let answer = operator.patch("/tenants/acme", &change).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code").as_str()),
            (400, code),
            "{change}"
        );
    }
    assert_eq!(
        operator
            .patch("/tenants/nobody", &json!({ "trust": [issuer.trust()] }))
            .await
            .status,
        404
    );
    assert_eq!(
        (
            operator.get("/tenants/acme").await.body,
            operator.audit().await
        ),
        before
    );
}

#[tokio::test]
async fn a_suspended_tenant_s_tasks_finish_and_new_ones_are_refused() {
    let run_time = Duration::from_millis(800);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let inputs = tenant.inputs().await;
    let running = tenant.submit(&inputs).await;

    let suspended = operator.post("/tenants/acme/suspend", &json!({})).await;

    assert_eq!(
        (suspended.status.as_u16(), &suspended.body["state"]),
        (200, &json!("suspended"))
    );
    let ticket = json!({ "filename": "a.png", "size": 1 });
    for (path, body) in [
        ("/api/v3/wavespeed-ai/flux-kontext-max", &inputs),
        ("/api/v3/media/uploads", &ticket),
        ("/api/v3/a/b", &ticket),
    ] {
        let refused = tenant.post(path, body).await;
        assert_eq!(
            (
                refused.status.as_u16(),
                refused.text("/error_code").as_str()
            ),
            (403, "tenant_suspended"),
            "{path}"
        );
        assert!(refused.text("/message").contains("ask the operator"));
    }
    assert_eq!(tenant.ended(&running).await["status"], "completed");
    for path in ["/api/v3/balance", "/api/v3/models", "/v1/endpoints"] {
        assert_eq!(tenant.get(path).await.status, 200, "{path}");
    }
    assert_eq!(gateway.emulator.request_count("submit"), 1);
    assert_eq!(
        operator
            .post("/tenants/acme/suspend", &json!({}))
            .await
            .body["version"],
        2
    );
    assert_eq!(
        operator.post("/tenants/acme/resume", &json!({})).await.body["state"],
        "active"
    );
    tenant.submit(&inputs).await;
}

#[tokio::test]
async fn a_tenant_with_running_tasks_or_a_balance_is_not_deleted_by_accident() {
    let run_time = Duration::from_millis(800);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let task = tenant.submit(&tenant.inputs().await).await;

    let running = operator.delete("/tenants/acme?forget_balance=true").await;
    tenant.ended(&task).await;
    let with_balance = operator.delete("/tenants/acme").await;
    let misspelt = operator.delete("/tenants/acme?forget_balance=yes").await;

    assert_eq!(
        (running.status.as_u16(), running.text("/code").as_str()),
        (409, "tenant_has_tasks")
    );
    assert_eq!(
        (
            with_balance.status.as_u16(),
            with_balance.text("/code").as_str()
        ),
        (409, "tenant_has_balance")
    );
    let detail = with_balance.text("/detail");
    assert!(
        detail.contains("$0.92") && detail.contains("forget_balance=true"),
        "{detail}"
    );
    assert_eq!(misspelt.status, 400);
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(
        operator
            .delete("/tenants/acme?forget_balance=true")
            .await
            .status,
        204
    );

    let submit = tenant
        .post("/api/v3/wavespeed-ai/flux-kontext-max", &json!({}))
        .await;
    assert_eq!(
        (submit.status.as_u16(), submit.text("/error_code").as_str()),
        (401, "tenant_unknown")
    );
    assert_eq!(operator.get("/tenants/acme").await.status, 404);
    assert_eq!(operator.get("/tenants").await.body, json!([]));
    assert_eq!(operator.delete("/tenants/acme").await.status, 404);
    // The books stay, and so nobody else gets the name and sees them.
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
    let again = operator
        .post(
            "/tenants",
            &new_tenant("acme", &[TestIssuer::new(ISSUER).trust()]),
        )
        .await;
    assert_eq!(
        (again.status.as_u16(), again.text("/code").as_str()),
        (409, "tenant_name_used")
    );
}

#[tokio::test]
async fn the_audit_log_tells_every_change_and_who_made_it_and_no_secret() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    operator.tenant("acme", &[issuer.trust()], "1").await;
    operator
        .patch(
            "/tenants/acme",
            &json!({ "destination": { "bucket": "another-bucket" } }),
        )
        .await;
    operator
        .put("/tenants/acme/prices", &json!({ "unlisted": "refuse" }))
        .await;
    operator.post("/tenants/acme/suspend", &json!({})).await;
    operator.post("/tenants/acme/resume", &json!({})).await;
    operator
        .post(
            "/tenants/acme/top-ups",
            &json!({ "amount_usd": "1", "reference": "first" }),
        )
        .await;
    operator.delete("/tenants/acme?forget_balance=true").await;
    gateway.tenant("bolt", "0").await;

    let page = operator.get("/audit").await;
    let first = operator.get("/audit?limit=3").await;
    let rest = operator
        .get(&format!("/audit?limit=50&before={}", first.text("/next")))
        .await;

    let entries = page.body["entries"].as_array().unwrap();
    // Another process made this one, perhaps within the same millisecond.
    let (by_command, of_acme): (Vec<&Value>, Vec<&Value>) =
        entries.iter().partition(|entry| entry["tenant"] == "bolt");
    let actions: Vec<&str> = of_acme
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let told = [
        "tenant.deleted",
        "tenant.resumed",
        "tenant.suspended",
        "prices.changed",
        "tenant.changed",
        "account.topped_up",
        "tenant.created",
    ];
    assert_eq!(actions, told);
    assert!(
        of_acme
            .iter()
            .all(|entry| entry["actor"] == "operator" && entry["tenant"] == "acme")
    );
    assert_eq!(by_command.len(), 1);
    assert_eq!(
        (&by_command[0]["action"], &by_command[0]["actor"]),
        (&json!("tenant.created"), &json!("cli"))
    );
    assert_eq!(of_acme[0]["detail"], json!({ "forgotten_usd": "1.00" }));
    assert_eq!(
        of_acme[5]["detail"],
        json!({ "amount_usd": "1.00", "reference": "first" })
    );
    let pages: Vec<&Value> = [&first, &rest]
        .into_iter()
        .flat_map(|page| page.body["entries"].as_array().unwrap())
        .collect();
    assert_eq!(pages, entries.iter().collect::<Vec<_>>());
    assert!(rest.body.get("next").is_none());
    for secret in ["whsec_", "fga_", "jwks", "kty"] {
        assert!(!page.body.to_string().contains(secret), "{secret}");
    }
    assert_eq!(operator.get("/audit?limit=0").await.status, 400);
    assert_eq!(operator.get("/audit?before=x").await.status, 400);
}
