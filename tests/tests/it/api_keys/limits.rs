//! What a key may spend in a month.

use fluxgate_tests::Gateway;
use fluxgate_tests::tenant::MODEL;
use serde_json::json;

use super::{caller, made};

#[tokio::test]
async fn a_key_spends_no_more_than_its_month_allows_and_others_go_on() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let limited = json!({ "name": "limited", "scopes": ["submit", "read", "keys"],
        "monthly_usd": "0.10" });
    let limited = made(&gateway, "acme", &limited).await;
    let inputs = limited.caller.inputs().await;
    let path = format!("/api/v3/{MODEL}");

    let task = limited.caller.submit(&inputs).await;
    let refused = limited.caller.post(&path, &inputs).await;

    assert_eq!(refused.status, 402, "{:?}", refused.body);
    assert_eq!(refused.text("/error_code"), "key_exhausted");
    assert!(
        refused.text("/message").contains("$0.02"),
        "{:?}",
        refused.body
    );
    limited.caller.ended(&task).await;
    let shown = limited
        .caller
        .get(&format!("/v1/keys/{}", limited.id))
        .await;
    assert_eq!(shown.body["month_used_usd"], json!(0.08));
    tenant.submit(&inputs).await;
    // Neither a key that it makes nor one that takes over from it begins anew.
    let child = json!({ "name": "child", "scopes": ["submit"] });
    let child = limited.caller.post("/v1/keys", &child).await;
    let child = caller(&gateway, "acme", &child).caller;
    let rotated = format!("/v1/keys/{}/rotate", limited.id);
    let rotated = limited.caller.post(&rotated, &json!({})).await;
    let rotated = caller(&gateway, "acme", &rotated).caller;
    for caller in [child, rotated] {
        let refused = caller.post(&path, &inputs).await;
        assert_eq!(
            refused.text("/error_code"),
            "key_exhausted",
            "{:?}",
            refused.body
        );
    }
}
