//! Rotating the keys that links are signed with, on one machine: beside a server and without one.

use std::time::Duration;

use fluxgate_core::id::TaskId;
use fluxgate_tests::gateway::patient;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, process};
use serde_json::{Value, json};

use crate::command::said;

async fn link(tenant: &TestTenant, task: &str) -> String {
    let output = &tenant.result(task).await["outputs"][0];
    output.as_str().unwrap().to_owned()
}

/// The path of a task's webhook as it is signed now.
async fn webhook(gateway: &Gateway, tenant: &TestTenant, task: &str) -> String {
    let capability = gateway.server.folder().capability().unwrap();
    let path = capability.keys().await;
    path.hook_path(&tenant.id, &TaskId::parse(task).unwrap())
}

/// What a GET of a link and an unsigned POST to a webhook's path are answered.
async fn answers(gateway: &Gateway, link: &str, webhook: &str) -> (u16, u16) {
    let output = gateway.http().get(link).send().await.unwrap();
    let webhook = gateway.http().post(gateway.url(webhook)).body("{}");
    let webhook = webhook.send().await.unwrap();
    (output.status().as_u16(), webhook.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_breaks_no_webhook_s_path_and_a_forced_retirement_ends_it() {
    let gateway = Gateway::with(GatewayOptions {
        run_time: Duration::from_secs(2),
        // Nothing but the webhook ends a task.
        bounds: patient(),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let ended = tenant.submit(&inputs).await;
    tenant.ended(&ended).await;
    let old = (
        link(&tenant, &ended).await,
        webhook(&gateway, &tenant, &ended).await,
    );
    let running = tenant.submit(&inputs).await;
    let operator = gateway.operator();

    let rotated = operator.post("/capability-keys/rotate", &json!({})).await;
    let again = operator.post("/capability-keys/rotate", &json!({})).await;
    let early = operator.post("/capability-keys/retire", &json!({})).await;
    let by_webhook = tenant.ended(&running).await;
    let new = (
        link(&tenant, &ended).await,
        webhook(&gateway, &tenant, &ended).await,
    );
    let [old_works, new_works] = [&old, &new].map(|it| answers(&gateway, &it.0, &it.1));
    let both_work = (old_works.await, new_works.await);
    let path = "/capability-keys/retire?force=true";
    let retired = operator.post(path, &json!({})).await;
    let [old_ended, new_stays] = [&old, &new].map(|it| answers(&gateway, &it.0, &it.1));

    assert_eq!(rotated.status, 200, "{:?}", rotated.body);
    assert_eq!(rotated.body["old_keys"], json!(["k1"]));
    for refused in [again, early] {
        assert_eq!(refused.status, 409, "{:?}", refused.body);
        assert_eq!(refused.text("/code"), "capability_keys_in_use");
    }
    assert_eq!(by_webhook["status"], "completed");
    assert_ne!(old, new);
    // 401: the path was signed by us, and the body by nobody.
    assert_eq!(both_work, ((200, 401), (200, 401)));
    assert_eq!(retired.body["active_key"], "k2", "{:?}", retired.body);
    // Links are signed with the keys of the local buckets, which did not change.
    assert_eq!((old_ended.await, new_stays.await), ((200, 404), (200, 401)));
    let actions = operator.audit().await;
    for action in ["capability.key_added", "capability.keys_retired"] {
        assert!(actions.iter().any(|it| it.0 == action), "{actions:?}");
    }
}

#[test]
fn the_commands_rotate_and_retire_the_keys_of_a_folder_that_nobody_serves() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let run = |args: &[&str]| process::run(&[args, &["--data", data.to_str().unwrap()]].concat());
    let told = |args: &[&str]| {
        let output = run(&[args, &["--json"]].concat());
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    run(&["tenants", "add", "acme"]);

    let first = told(&["capability-keys", "status"]);
    let rotated = told(&["capability-keys", "rotate"]);
    let early = run(&["capability-keys", "retire"]);
    let retired = told(&["capability-keys", "retire", "--force"]);
    let nothing = told(&["capability-keys", "retire"]);

    let none = json!({ "active_key": "k1", "old_keys": [], "links_end_at": null });
    assert_eq!(first, none);
    assert_eq!(
        (&rotated["active_key"], &rotated["old_keys"]),
        (&json!("k2"), &json!(["k1"]))
    );
    assert!(rotated["links_end_at"].is_string(), "{rotated}");
    assert!(!early.status.success() && said(&early).contains("links that an old key signed"));
    let last = json!({ "active_key": "k2", "old_keys": [], "links_end_at": null });
    assert_eq!((&retired, &nothing), (&last, &last));
}
