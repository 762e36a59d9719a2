//! A key that a key made ends no later than it, and is revoked with it.

use fluxgate_tests::Gateway;
use serde_json::{Value, json};

use super::{caller, key, made, refused, revoke};

const END: &str = "2999-03-01T00:00:00.000Z";

#[tokio::test]
async fn a_key_makes_no_key_that_outlives_it() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let ending = |expires: &str| json!({ "name": "x", "scopes": ["keys"], "expires": expires });
    let late = made(&gateway, "acme", &ending(END)).await;
    let soon = made(&gateway, "acme", &ending("30d")).await;
    let read = soon.caller.get(&format!("/v1/keys/{}", soon.id)).await;
    let end = read.text("/expires_at");

    for beyond in ["31d", "never", END] {
        let refused = soon.caller.post("/v1/keys", &ending(beyond)).await;
        assert_eq!(refused.status, 403, "{:?}", refused.body);
        assert_eq!(refused.text("/code"), "key_beyond_maker");
        assert_eq!(refused.text("/field"), "expires");
        assert!(refused.text("/detail").contains(&end), "{:?}", refused.body);
    }
    let unsaid = soon.caller.post("/v1/keys", &key(&["keys"])).await;
    assert_eq!(unsaid.text("/expires_at"), end);
    for id in [&late.id, &soon.id] {
        let path = format!("/v1/keys/{id}/rotate");
        let rotated = soon.caller.post(&path, &json!({})).await;
        assert_eq!(rotated.status, 201, "{:?}", rotated.body);
        assert_eq!(rotated.text("/expires_at"), end);
    }
    let operator = gateway.operator();
    let endless = operator.post("/tenants/acme/keys", &ending("never")).await;
    assert_eq!(endless.body["expires_at"], Value::Null);
}

#[tokio::test]
async fn a_key_is_revoked_with_the_keys_that_it_made_and_those_that_they_made() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let maker = made(&gateway, "acme", &key(&["keys", "read"])).await;
    let other = made(&gateway, "acme", &key(&["read"])).await;
    let child = maker.caller.post("/v1/keys", &key(&["keys", "read"])).await;
    let child = caller(&gateway, "acme", &child);
    let grandchild = child.caller.post("/v1/keys", &key(&["read"])).await;
    assert_eq!(grandchild.body["makers"], json!([maker.id, child.id]));
    let grandchild = caller(&gateway, "acme", &grandchild);

    let operator = gateway.operator();
    revoke(&operator, "acme", &maker.id).await;

    for key in [&maker, &child, &grandchild] {
        assert_eq!(refused(&key.caller).await, "key_revoked");
    }
    assert_eq!(other.caller.get("/v1/tasks").await.status, 200);
    let listed = operator.get("/tenants/acme/keys").await;
    assert_eq!(listed.body.as_array().map(Vec::len), Some(1));
    let log = operator.get("/audit?limit=200").await.body.to_string();
    assert!(
        log.contains(&child.id) && log.contains(&grandchild.id),
        "{log}"
    );
}

#[tokio::test]
async fn a_key_that_replaces_itself_at_once_is_not_revoked_with_itself() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let old = made(&gateway, "acme", &key(&["keys", "read"])).await;
    let path = format!("/v1/keys/{}/rotate", old.id);

    let rotated = old.caller.post(&path, &json!({ "overlap_s": 0 })).await;
    let new = caller(&gateway, "acme", &rotated);

    assert_eq!(refused(&old.caller).await, "key_revoked");
    assert_eq!(new.caller.get("/v1/tasks").await.status, 200);
}
