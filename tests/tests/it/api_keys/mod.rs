//! API keys, from their making to their end.

mod beyond;
mod limits;
mod makers;
mod signing;
mod streams;

use std::time::{Duration, Instant};

use fluxgate_core::id::TenantId;
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, TestOperator, TestTenant, eventually};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// A key that was just made, and who calls with it.
struct Made {
    id: String,
    caller: TestTenant,
}

/// Makes a key for the tenant.
async fn made(gateway: &Gateway, tenant: &str, key: &Value) -> Made {
    let operator = gateway.operator();
    let answer = operator.post(&format!("/tenants/{tenant}/keys"), key).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    caller(gateway, tenant, &answer)
}

fn caller(gateway: &Gateway, tenant: &str, made: &Answer) -> Made {
    let tenant = TenantId::parse(tenant).unwrap();
    let base_url = gateway.server.base_url();
    Made {
        id: made.text("/id"),
        caller: TestTenant::new(tenant, &base_url, made.text("/key")),
    }
}

fn key(scopes: &[&str]) -> Value {
    json!({ "name": "ci", "scopes": scopes })
}

async fn revoke(operator: &TestOperator, tenant: &str, id: &str) {
    let path = format!("/tenants/{tenant}/keys/{id}");
    assert_eq!(operator.delete(&path).await.status, 204);
}

/// How the key is refused, once it is.
async fn refused(caller: &TestTenant) -> String {
    eventually("the key's refusal", || async {
        let answer = caller.get("/v1/tasks").await;
        (answer.status == StatusCode::UNAUTHORIZED).then(|| answer.text("/code"))
    })
    .await
}

#[tokio::test]
async fn a_key_works_at_once_and_is_refused_within_seconds_of_its_revocation() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let made = made(&gateway, "acme", &key(&["submit", "read"])).await;
    let task = made.caller.submit(&made.caller.inputs().await).await;
    made.caller.ended(&task).await;
    let told = made.caller.get(&format!("/v1/tasks/{task}")).await;
    assert_eq!(told.text("/key"), made.id);

    let operator = gateway.operator();
    let listed = eventually("the hour of its use", || async {
        let listed = operator.get("/tenants/acme/keys").await;
        let used = !listed.body[0]["last_used_at"].is_null();
        used.then_some(listed)
    })
    .await;
    assert_eq!(listed.text("/0/name"), "ci");
    assert_eq!(listed.body[0]["scopes"], json!(["submit", "read"]));
    assert!(listed.text("/0/last_used_at").ends_with(":00:00.000Z"));
    assert!(listed.body[0].get("key").is_none(), "it is shown once");
    revoke(&operator, "acme", &made.id).await;
    let revoked = Instant::now();

    assert_eq!(refused(&made.caller).await, "key_revoked");
    assert!(revoked.elapsed() < Duration::from_secs(10));
    assert_eq!(operator.get("/tenants/acme/keys").await.body, json!([]));
    let path = format!("/tenants/acme/keys/{}", made.id);
    assert_eq!(operator.delete(&path).await.status, 404);
    let audit = operator.audit().await;
    for action in ["key.created", "key.revoked"] {
        assert!(
            audit.contains(&(action.to_owned(), "acme".to_owned())),
            "{action}"
        );
    }
}

#[tokio::test]
async fn a_key_ends_when_it_is_said_to_and_one_without_an_end_says_so() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let operator = gateway.operator();
    let soon = fluxgate_core::time::Timestamp(fluxgate_tests::contract::now().0 + 1_500);

    let short = json!({ "name": "short", "expires": soon.rfc3339() });
    let short = made(&gateway, "acme", &short).await;
    let endless = json!({ "name": "endless", "expires": "never" });
    let endless = made(&gateway, "acme", &endless).await;

    assert_eq!(refused(&short.caller).await, "token_expired");
    let told = short.caller.get("/v1/tasks").await.text("/detail");
    assert!(told.contains("this API key has expired"), "{told}");
    assert_eq!(endless.caller.get("/v1/tasks").await.status, 200);
    let listed = operator.get("/tenants/acme/keys").await;
    assert_eq!(listed.text("/0/state"), "expired");
    assert_eq!(listed.body[1]["expires_at"], Value::Null);
    let past = json!({ "name": "past", "expires": "2020-01-01" });
    for (bad, field) in [
        (past, "expires"),
        (json!({ "name": "x", "expires": "soon" }), "expires"),
        (json!({ "name": "" }), "name"),
        (json!({ "name": "x", "scopes": ["admin"] }), "scopes"),
        (json!({ "name": "x", "scopes": [] }), "scopes"),
        (json!({ "name": "x", "models": ["*"] }), "models"),
        (json!({ "name": "x", "monthly_usd": "0" }), "monthly_usd"),
    ] {
        let answer = operator.post("/tenants/acme/keys", &bad).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/field").as_str()),
            (400, field)
        );
    }
}

#[tokio::test]
async fn a_rotated_key_is_valid_until_the_overlap_is_over_and_its_successor_after() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let operator = gateway.operator();
    let old = made(&gateway, "acme", &key(&["read"])).await;
    let path = format!("/tenants/acme/keys/{}/rotate", old.id);

    let rotated = operator.post(&path, &json!({ "overlap_s": 2 })).await;
    assert_eq!(rotated.status, 201, "{:?}", rotated.body);
    let new = caller(&gateway, "acme", &rotated);

    assert_eq!(old.caller.get("/v1/tasks").await.status, 200);
    assert_eq!(rotated.text("/replaces"), old.id);
    assert_eq!(refused(&old.caller).await, "token_expired");
    assert_eq!(new.caller.get("/v1/tasks").await.status, 200);
    let at_once = format!("/tenants/acme/keys/{}/rotate", new.id);
    let rotated = operator.post(&at_once, &json!({ "overlap_s": 0 })).await;
    let last = caller(&gateway, "acme", &rotated);
    assert_eq!(refused(&new.caller).await, "key_revoked");
    assert_eq!(last.caller.get("/v1/tasks").await.status, 200);
    assert_eq!(operator.post(&at_once, &json!({})).await.status, 404);
}

#[tokio::test]
async fn a_51st_key_is_refused_until_another_is_revoked() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let operator = gateway.operator();
    let mut last = String::new();
    for _ in 0..50 {
        last = made(&gateway, "acme", &key(&["read"])).await.id;
    }

    let refused = operator.post("/tenants/acme/keys", &key(&["read"])).await;

    assert_eq!(
        (refused.status.as_u16(), refused.text("/code").as_str()),
        (409, "too_many_keys")
    );
    revoke(&operator, "acme", &last).await;
    made(&gateway, "acme", &key(&["read"])).await;
}

#[tokio::test]
async fn a_key_of_another_installation_or_of_a_deleted_tenant_is_told_so() {
    let (gateway, other) = (Gateway::start().await, Gateway::start().await);
    for gateway in [&gateway, &other] {
        gateway.tenant("acme", "0").await;
    }
    let mine = made(&gateway, "acme", &key(&["read"])).await;
    let foreign = made(&other, "acme", &key(&["read"])).await;

    let base_url = gateway.server.base_url();
    let foreign = TestTenant::new(mine.caller.id.clone(), &base_url, foreign.caller.token);
    let answer = foreign.get("/v1/tasks").await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/code").as_str()),
        (401, "token_issuer_unknown")
    );
    assert!(
        answer
            .text("/detail")
            .contains("another Fluxgate installation")
    );
    assert_eq!(mine.caller.get("/v1/tasks").await.status, 200);
    assert_eq!(gateway.operator().delete("/tenants/acme").await.status, 204);
    assert_eq!(refused(&mine.caller).await, "tenant_unknown");
}

/// Its refusal may take seconds elsewhere: it was verified a moment ago.
#[tokio::test]
async fn a_revoked_key_changes_nothing_that_stays() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let scopes = key(&["submit", "read", "endpoints", "keys"]);
    let (gone, other) = (
        made(&gateway, "acme", &scopes).await,
        made(&gateway, "acme", &key(&["read"])).await,
    );
    assert_eq!(gone.caller.get("/v1/tasks").await.status, 200);
    revoke(&gateway.operator(), "acme", &gone.id).await;

    let endpoint = json!({ "kind": "pull" });
    let endpoint = gone.caller.post("/v1/endpoints", &endpoint).await;
    let revoked = gone.caller.delete(&format!("/v1/keys/{}", other.id)).await;

    for refused in [endpoint, revoked] {
        assert_eq!(refused.text("/code"), "key_revoked");
    }
    assert_eq!(other.caller.get("/v1/tasks").await.status, 200);
}

#[tokio::test]
async fn a_tenant_that_makes_keys_without_end_is_slowed_down_and_can_be_suspended() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let maker = made(&gateway, "acme", &key(&["read", "keys"])).await;
    let mut told = Vec::new();
    for _ in 0..25 {
        told.push(maker.caller.post("/v1/keys", &key(&["read"])).await);
    }

    let suspended = gateway
        .operator()
        .post("/tenants/acme/suspend", &json!({}))
        .await;

    let slowed = told.iter().filter(|answer| answer.status == 429);
    assert!(slowed.count() > 0, "twenty at once, and one a second");
    assert_eq!(suspended.status, 200, "{:?}", suspended.body);
}
