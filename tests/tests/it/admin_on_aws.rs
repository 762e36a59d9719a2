//! The admin function on AWS: who called stands in the audit log, roles keep their ExternalId, a
//! suspension reaches the gateway.

use fluxgate_tests::lambda::CALLER;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{LiveReceiver, Stack, StackOptions, TestTenant, eventually, verifiers};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_caller_may_do_what_the_template_gives_its_arn() {
    let scopes = "arn:aws:iam::*:user/operator=read arn:aws:iam::*:user/other=write,money";
    let stack = Stack::with(StackOptions {
        parameters: vec![("AdminScopes", scopes.to_owned())],
        ..StackOptions::default()
    })
    .await;

    let read = stack
        .admin_call(Method::GET, "/admin/v1/tenants", &Value::Null)
        .await;
    let tokens = stack
        .admin_call(Method::GET, "/admin/v1/tokens", &Value::Null)
        .await;
    let top_up = json!({ "amount_usd": "1", "reference": "first" });
    let refused = [
        stack.admin("/admin/v1/tenants", &json!({})).await,
        stack.admin(&format!("{ACME}/top-ups"), &top_up).await,
    ];

    assert_eq!((read.0, &read.1), (200, &json!([])));
    assert_eq!(
        (tokens.0, &tokens.1["code"]),
        (404, &json!("admin_tokens_unused"))
    );
    for ((status, body), scope) in refused.iter().zip(["'write'", "'money'"]) {
        assert_eq!((*status, &body["code"]), (403, &json!("scope_missing")));
        let detail = body["detail"].as_str().unwrap();
        assert!(
            detail.contains(scope) && detail.contains(CALLER),
            "{detail}"
        );
    }
}

fn role(name: &str, prefix: &str) -> Value {
    let arn = format!("arn:aws:iam::000000000000:role/{name}");
    json!({ "destination": { "bucket": "fluxgate-test-acme", "prefix": prefix, "role_arn": arn } })
}

const ACME: &str = "/admin/v1/tenants/acme";

#[tokio::test]
async fn the_operator_s_changes_count_and_tell_whose_they_are() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;

    each_role_keeps_its_external_id(&stack).await;
    a_suspension_reaches_the_gateway(&stack, &tenant).await;
    prices_are_checked_and_neither_change_loses_the_other(&stack).await;
    let deleted = stack
        .admin_call(
            Method::DELETE,
            &format!("{ACME}?forget_balance=true"),
            &json!({}),
        )
        .await;

    assert_eq!(deleted.0, 204, "{deleted:?}");
    every_change_names_its_caller(&stack).await;
}

/// With the queue, the keys and the way out that the function needs for it.
#[tokio::test]
async fn an_operator_mends_a_tenant_s_callbacks_on_aws() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let endpoints = format!("{ACME}/endpoints");
    let body = json!({ "url": receiver.url("events"), "signatures": "v1,v1a" });

    let (status, created) = stack.admin(&endpoints, &body).await;
    assert_eq!(status, 201, "{created}");
    let path = format!("{endpoints}/{}", created["id"].as_str().unwrap());
    let (_, tested) = stack.admin(&format!("{path}/test"), &json!({})).await;
    assert_eq!(tested["delivered"], true, "{tested}");
    let sample = receiver.received().remove(0);
    assert!(verifiers::takes(
        created["secret"].as_str().unwrap(),
        &sample
    ));
    let keys = sample.header("fluxgate-webhook-jwks").to_owned();
    let keys = tenant.http().get(&keys).send().await.unwrap();
    let keys: Value = keys.json().await.unwrap();
    assert_eq!(verifiers::signing_keys(&keys, &sample).len(), 1);

    // What failed is sent again by the notifier, woken by the admin's message.
    receiver.answer(&[500]);
    let task = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&task, 1).await;
    let replay = format!("{ACME}/deliveries/{task}-00/replay");
    eventually("the replay", || async {
        let (status, replayed) = stack.admin(&replay, &json!({})).await;
        (status == 202 && replayed["event_type"] == "task.completed").then_some(())
    })
    .await;
    receiver.about(&task, 2).await;
}

async fn each_role_keeps_its_external_id(stack: &Stack) {
    let change =
        async |role: Value| -> (u16, Value) { stack.admin_call(Method::PATCH, ACME, &role).await };

    let first = change(role("fluxgate-a", "")).await;
    let same = change(role("fluxgate-a", "p")).await;
    let other = change(role("fluxgate-b", "p")).await;
    let probe = stack
        .admin(&format!("{ACME}/destination/probe"), &json!({}))
        .await;

    let external_id = |answer: &(u16, Value)| answer.1["external_id"].as_str().unwrap().to_owned();
    assert_eq!((first.0, same.0, other.0), (200, 200, 200), "{first:?}");
    assert_eq!(external_id(&first), external_id(&same));
    assert_ne!(external_id(&first), external_id(&other));
    let names: Vec<&str> = probe.1["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    let checks = [
        "role_assumable",
        "role_refused_without_external_id",
        "role_refused_with_another_external_id",
        "object_written",
        "conditional_put",
        "object_read",
        "object_deleted",
    ];
    assert_eq!((probe.0, names), (200, checks.to_vec()));
}

async fn a_suspension_reaches_the_gateway(stack: &Stack, tenant: &TestTenant) {
    let inputs = tenant.inputs().await;

    let suspended = stack.admin(&format!("{ACME}/suspend"), &json!({})).await;

    assert_eq!(suspended.0, 200, "{suspended:?}");
    eventually("the suspension to reach the gateway", || async {
        let refused = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
        (refused.text("/error_code") == "tenant_suspended").then_some(())
    })
    .await;
    assert_eq!(tenant.get("/api/v3/balance").await.status, 200);
}

async fn prices_are_checked_and_neither_change_loses_the_other(stack: &Stack) {
    let path = format!("{ACME}/prices");
    let forced = format!("{path}?force=true");
    let prices = json!({ "unlisted": { "price": { "markup": { "basis_points": 9_000 } } } });
    let under_cost = stack.admin_call(Method::PUT, &path, &prices).await;
    assert_eq!(
        (under_cost.0, &under_cost.1["code"]),
        (400, &json!("under_cost"))
    );
    let price = |model: &str| json!({ "models": { model: { "fixed": { "usd": "1" } } } });
    let (one, other) = (price("new/one"), price("new/other"));
    let set = |prices| stack.admin_call(Method::PATCH, &forced, prices);

    let set = tokio::join!(set(&one), set(&other));

    assert_eq!((set.0.0, set.1.0), (200, 200), "{set:?}");
    let book = stack.admin_call(Method::GET, &path, &Value::Null).await;
    assert_eq!(
        book.1["models"].as_object().unwrap().len(),
        2,
        "both changes are in the price book: {book:?}"
    );
}

async fn every_change_names_its_caller(stack: &Stack) {
    let audit = stack
        .admin_call(Method::GET, "/admin/v1/audit", &Value::Null)
        .await;
    let entries = audit.1["entries"].as_array().unwrap();
    let actions: Vec<&str> = entries
        .iter()
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let newest_first = [
        "tenant.deleted",
        "prices.changed",
        "prices.changed",
        "tenant.suspended",
        "tenant.changed",
        "tenant.changed",
        "tenant.changed",
        "account.topped_up",
        "tenant.created",
    ];
    assert_eq!(actions, newest_first);
    assert!(
        entries.iter().all(|entry| entry["actor"] == CALLER),
        "{entries:?}"
    );
}
