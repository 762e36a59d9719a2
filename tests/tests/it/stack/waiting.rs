//! A client that prefers to wait, at a function that the platform ends at its deadline.

use std::collections::BTreeMap;
use std::time::Duration;

use fluxgate_emulator::EmulatorConfig;
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Stack, StackOptions};
use serde_json::json;

#[tokio::test]
async fn a_wait_ends_before_the_function_s_deadline() {
    let endless = EmulatorConfig {
        run_time: Duration::from_secs(36_000),
        ..emulator_config()
    };
    let stack = Stack::with(StackOptions {
        emulator: endless,
        timeout_s: BTreeMap::from([("gateway", 6)]),
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let body = json!({ "model": MODEL, "input": tenant.inputs().await });
    let submit = tenant.http().post(tenant.url("/v1/tasks")).json(&body);
    let submitted = tenant.send(submit.header("prefer", "wait=60")).await;
    let read = format!("/v1/tasks/{}", submitted.text("/id"));
    let read = tenant.http().get(tenant.url(&read));
    let read = tenant.send(read.header("prefer", "wait=60")).await;

    assert_eq!(submitted.status, 201, "{:?}", submitted.body);
    assert_eq!(read.status, 200, "{:?}", read.body);
    assert_eq!(read.text("/state"), "submitted");
}
