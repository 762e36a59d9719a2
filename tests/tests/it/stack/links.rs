//! Links and webhook paths through the functions while the keys that sign them are rotated.

use std::time::Duration;

use fluxgate_emulator::EmulatorConfig;
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{Stack, StackOptions, TestTenant};
use reqwest::Method;
use serde_json::{Value, json};

const KEYS: &str = "/admin/v1/capability-keys";

async fn link(tenant: &TestTenant, task: &str) -> String {
    let output = &tenant.result(task).await["outputs"][0];
    output.as_str().unwrap().to_owned()
}

fn newest_webhook(stack: &Stack) -> String {
    let runs = stack.emulator.runs();
    runs[0].webhook.clone().unwrap()
}

/// What a GET of a link and an unsigned POST to a webhook's path are answered.
async fn answers(link: &str, webhook: &str) -> (u16, u16) {
    let http = reqwest::Client::new();
    let output = http.get(link).send().await.unwrap();
    let webhook = http.post(webhook).body("{}").send().await.unwrap();
    (output.status().as_u16(), webhook.status().as_u16())
}

/// Without their keys in memory: a function that is called goes on with those that it has, for the
/// minutes after which it reads them again.
fn replace_processes(stack: &Stack) {
    for function in ["gateway", "receiver"] {
        stack.function(function).kill();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_breaks_no_link_and_no_webhook_s_path_and_a_forced_retirement_ends_them() {
    let stack = Stack::with(StackOptions {
        emulator: EmulatorConfig {
            run_time: Duration::from_secs(4),
            ..emulator_config()
        },
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let ended = tenant.submit(&inputs).await;
    tenant.ended(&ended).await;
    let old_link = link(&tenant, &ended).await;
    let running = tenant.submit(&inputs).await;
    let old_webhook = newest_webhook(&stack);

    let rotated = stack.admin(&format!("{KEYS}/rotate"), &json!({})).await;
    let again = stack.admin(&format!("{KEYS}/rotate"), &json!({})).await;
    let early = stack.admin(&format!("{KEYS}/retire"), &json!({})).await;
    let warm = answers(&old_link, &old_webhook).await;
    let by_webhook = tenant.ended(&running).await;
    // The gateway signs with the new key, and the receiver has not read it yet.
    stack.function("gateway").kill();
    let new = tenant.submit(&inputs).await;
    let new_webhook = newest_webhook(&stack);
    tenant.ended(&new).await;
    let new_link = link(&tenant, &ended).await;
    let warm_new = answers(&new_link, &new_webhook).await;
    replace_processes(&stack);
    let cold = answers(&old_link, &old_webhook).await;
    let path = format!("{KEYS}/retire?force=true");
    let retired = stack.admin(&path, &json!({})).await;
    replace_processes(&stack);
    let old = answers(&old_link, &old_webhook).await;
    let of_new = answers(&new_link, &new_webhook).await;

    assert_eq!(rotated.0, 200, "{}", rotated.1);
    assert_eq!(rotated.1["old_keys"], json!(["k1"]));
    assert_eq!((again.0, early.0), (409, 409));
    assert_eq!(again.1["code"], "capability_keys_in_use");
    assert_eq!(early.1["code"], "capability_keys_in_use");
    // 401: the path was signed by us, and the body by nobody.
    assert_eq!((warm, cold, warm_new), ((200, 401), (200, 401), (200, 401)));
    assert_eq!(by_webhook["status"], "completed");
    assert_eq!(retired.0, 200, "{}", retired.1);
    assert_eq!(retired.1["active_key"], "k2");
    assert_eq!((old, of_new), ((404, 404), (200, 401)));
    let status = stack.admin_call(Method::GET, KEYS, &Value::Null).await;
    assert_eq!(status.1["old_keys"], json!([]), "{}", status.1);
    super::calls_are_allowed(&stack);
}
