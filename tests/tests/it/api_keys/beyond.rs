//! What a key may not do: what its scopes and models leave out, and what its maker may not.

use fluxgate_tests::Gateway;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

use super::{key, made, revoke};

#[tokio::test]
async fn a_key_does_what_its_scopes_and_models_allow() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let narrow = json!({ "name": "narrow", "scopes": ["submit"], "models": ["google/*"] });
    let narrow = made(&gateway, "acme", &narrow).await.caller;
    let wide = json!({ "name": "wide", "scopes": ["submit"], "models": ["google/*", MODEL] });
    let wide = made(&gateway, "acme", &wide).await.caller;

    let unread = narrow.get("/v1/tasks").await;
    let inputs = narrow.inputs().await;
    let refused = narrow.post(&format!("/api/v3/{MODEL}"), &inputs).await;

    assert_eq!(
        (unread.status.as_u16(), unread.text("/code").as_str()),
        (403, "scope_missing")
    );
    let code = refused.text("/error_code");
    assert_eq!((refused.status.as_u16(), code.as_str()), (403, "key_model"));
    wide.submit(&inputs).await;
    assert_eq!(narrow.get("/v1/keys").await.text("/code"), "scope_missing");
}

#[tokio::test]
async fn a_batch_s_lines_are_submitted_with_the_key_that_made_it() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;
    let limits = json!({ "name": "x", "scopes": ["submit", "read"], "models": [MODEL] });
    let made = made(&gateway, "acme", &limits).await;
    let image = made.caller.upload().await;
    let line = |model: &str| {
        json!({ "model": model, "input": { "prompt": "a cat", "image": image } }).to_string()
    };
    let lines = format!(
        "{}\n{}\n",
        line(MODEL),
        line("wavespeed-ai/flux-kontext-pro")
    );

    let request = made.caller.http().post(made.caller.url("/v1/batches"));
    let created = made.caller.send(request.body(lines)).await;
    assert_eq!(created.status, 202, "{:?}", created.body);
    let path = format!("/v1/batches/{}", created.text("/id"));
    fluxgate_tests::eventually("the batch's end", || async {
        let batch = made.caller.get(&path).await;
        (batch.text("/state") == "completed").then_some(())
    })
    .await;

    let results = made.caller.get(&format!("{path}/results")).await;
    let Value::String(results) = results.body else {
        panic!("results are lines: {results:?}");
    };
    assert!(results.contains("key_model"), "{results}");
    let tasks = made.caller.get("/v1/tasks").await;
    assert_eq!(tasks.body["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(tasks.text("/tasks/0/key"), made.id);
}

#[tokio::test]
async fn a_key_makes_no_key_that_may_do_more_than_itself() {
    let gateway = Gateway::start().await;
    let token = gateway.tenant("acme", "1").await;
    let maker = json!({
        "name": "maker", "scopes": ["keys", "read"], "models": ["wavespeed-ai/*"],
        "monthly_usd": "1",
    });
    let maker = made(&gateway, "acme", &maker).await;
    let strong = made(&gateway, "acme", &key(&["submit"])).await;

    for (beyond, field) in [
        (json!({ "name": "x", "scopes": ["submit"] }), "scopes"),
        (
            json!({ "name": "x", "scopes": ["read"], "models": ["google/*"] }),
            "models",
        ),
        (
            json!({ "name": "x", "scopes": ["read"], "monthly_usd": "1.5" }),
            "monthly_usd",
        ),
    ] {
        let refused = maker.caller.post("/v1/keys", &beyond).await;
        assert_eq!(refused.status, 403, "{:?}", refused.body);
        assert_eq!(
            (refused.text("/code"), refused.text("/field")),
            ("key_beyond_maker".to_owned(), field.to_owned())
        );
    }
    let rotation = format!("/v1/keys/{}/rotate", strong.id);
    let stolen = maker.caller.post(&rotation, &json!({})).await;
    assert_eq!(
        (stolen.status.as_u16(), stolen.text("/code").as_str()),
        (403, "key_beyond_maker")
    );
    let child = maker.caller.post("/v1/keys", &key(&["read"])).await;
    assert_eq!(child.status, 201, "{:?}", child.body);
    assert_eq!(child.body["models"], json!(["wavespeed-ai/*"]));
    assert_eq!(child.body["monthly_usd"], json!(1.0));
    // A token whose trust says nothing of scopes makes no keys.
    assert_eq!(token.get("/v1/keys").await.text("/code"), "scope_missing");
    revoke(&gateway.operator(), "acme", &child.text("/id")).await;
}

#[tokio::test]
async fn another_tenant_s_key_is_not_found() {
    let gateway = Gateway::start().await;
    for name in ["acme", "globex"] {
        gateway.tenant(name, "1").await;
    }
    let mine = made(&gateway, "acme", &key(&["keys"])).await;
    let theirs = made(&gateway, "globex", &key(&["read"])).await;

    let path = format!("/v1/keys/{}", theirs.id);
    let answers = [
        mine.caller.get(&path).await,
        mine.caller.delete(&path).await,
        mine.caller
            .post(&format!("{path}/rotate"), &json!({}))
            .await,
        mine.caller.get("/v1/keys/nonsense").await,
    ];

    for answer in answers {
        assert_eq!(answer.status, 404, "{:?}", answer.body);
    }
    assert_eq!(theirs.caller.get("/v1/tasks").await.status, 200);
    let own = format!("/v1/keys/{}", mine.id);
    assert_eq!(mine.caller.get(&own).await.text("/id"), mine.id);
    assert_eq!(mine.caller.delete(&own).await.status, 204);
}
