//! API keys through the functions: made by the admin, used at the gateway, revoked.

use fluxgate_tests::{Stack, TestTenant, eventually};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_key_made_by_the_admin_works_at_the_gateway_until_it_is_revoked() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    // It trusts nobody: its keys alone speak for it.
    let path = "/admin/v1/tenants/acme";
    let none = json!({ "trust": [] });
    let changed = stack.admin_call(Method::PATCH, path, &none).await;
    assert_eq!(changed.0, 200, "{}", changed.1);
    let keys = "/admin/v1/tenants/acme/keys";
    let new = json!({ "name": "ci", "scopes": ["submit", "read", "keys"], "monthly_usd": "0.10" });

    let (status, made) = stack.admin(keys, &new).await;
    assert_eq!(status, 201, "{made}");
    let token = made["key"].as_str().unwrap().to_owned();
    let caller = TestTenant::new(tenant.id.clone(), stack.gateway_url(), token);
    let task = caller.submit(&caller.inputs().await).await;
    caller.ended(&task).await;

    let told = caller.get(&format!("/v1/tasks/{task}")).await;
    assert_eq!(told.body["key"], made["id"]);
    let again = json!({
        "model": fluxgate_tests::tenant::MODEL, "input": caller.inputs().await,
    });
    let refused = caller.post("/v1/tasks", &again).await;
    assert_eq!(refused.text("/code"), "key_exhausted");
    let rotated = stack
        .admin("/admin/v1/signing-keys/rotate", &json!({}))
        .await;
    assert_eq!(rotated.0, 200, "{}", rotated.1);
    let child = caller
        .post("/v1/keys", &json!({ "name": "child", "scopes": ["read"] }))
        .await;
    assert_eq!(child.status, 201, "{:?}", child.body);
    let child = TestTenant::new(tenant.id.clone(), stack.gateway_url(), child.text("/key"));
    assert_eq!(child.get("/v1/tasks").await.status, 200);
    let path = format!("{keys}/{}", made["id"].as_str().unwrap());
    let revoked = stack.admin_call(Method::DELETE, &path, &json!({})).await;
    assert_eq!(revoked.0, 204, "{}", revoked.1);
    eventually("the key's refusal", || async {
        let answer = caller.get("/v1/tasks").await;
        (answer.status == 401).then(|| assert_eq!(answer.text("/code"), "key_revoked"))
    })
    .await;
    super::calls_are_allowed(&stack);
}
