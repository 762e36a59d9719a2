//! The audit log of the admin API.

use fluxgate_tests::operator::TestIssuer;
use fluxgate_tests::{Gateway, TestOperator};
use serde_json::{Value, json};

use super::ISSUER;

/// One tenant from its creation to its deletion, by the admin API.
async fn make_change_and_delete(operator: &TestOperator, issuer: &TestIssuer) {
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
}

#[tokio::test]
async fn the_audit_log_tells_every_change_and_who_made_it_and_no_secret() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    make_change_and_delete(&operator, &issuer).await;
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
            .all(|entry| entry["actor"] == "admin:folder" && entry["tenant"] == "acme")
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

#[tokio::test]
async fn the_audit_log_tells_what_was_before_and_what_is_after_and_never_a_secret() {
    let gateway = Gateway::start().await;
    let (operator, issuer) = (gateway.operator(), TestIssuer::new(ISSUER));
    operator.tenant("acme", &[issuer.trust()], "1").await;
    let keys = json!({ "jwks_url": "https://id.example/keys?token=S3CRET" });
    let trust = json!([{ "issuer": ISSUER, "audience": "mine", "keys": keys }]);
    let limits = json!({ "tasks_in_flight": 3 });

    operator
        .patch(
            "/tenants/acme",
            &json!({ "trust": trust, "limits": limits }),
        )
        .await;
    operator.post("/tenants/acme/suspend", &json!({})).await;
    operator
        .put("/tenants/acme/budget", &json!({ "limit_usd": "5" }))
        .await;

    let page = operator.get("/audit").await.body;
    let [budget, suspended, changed, ..] = &page["entries"].as_array().unwrap()[..] else {
        panic!("three changes: {page}");
    };
    assert_eq!(budget["before"], Value::Null);
    assert_eq!(budget["after"]["limit_micro_usd"], 5_000_000, "{budget}");
    assert_eq!(suspended["before"], json!({ "state": "active" }));
    assert_eq!(suspended["after"], json!({ "state": "suspended" }));
    assert_eq!(
        changed["after"]["limits"]["tasks_in_flight"], 3,
        "{changed}"
    );
    let trust = |when: &str| &changed[when]["trust"][0];
    assert_eq!(trust("before")["audience"], "fluxgate");
    assert_eq!(trust("after")["audience"], "mine");
    let keys = &trust("after")["keys"]["jwks_url"];
    assert_eq!(keys, "https://id.example/keys");
    assert!(changed["before"].get("bucket").is_none(), "{changed}");
    assert!(!page.to_string().contains("S3CRET"), "{page}");
}
