//! SIGKILL while a batch is taken in, admitted and followed: each line has one task, and each task
//! at most one run that is paid for.

use std::collections::BTreeSet;
use std::time::Duration;

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{TestTenant, eventually, process};
use serde_json::{Value, json};

use crate::crash::{install, kills, random_below};

/// Unless `TEST_KILLS` says another number.
const KILLS: usize = 6;
const LINES: usize = 60;

/// Sends the batch; the answer may be lost.
async fn try_send(tenant: &TestTenant, body: &str) -> Option<String> {
    let request = tenant.http().post(tenant.url("/v1/batches"));
    let request = request
        .header("idempotency-key", "one")
        .body(body.to_owned());
    let answer = request.bearer_auth(&tenant.token).send().await.ok()?;
    let answer: Value = answer.json().await.ok()?;
    answer["id"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_goes_on_after_every_sigkill_and_no_line_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        run_time: Duration::from_millis(30),
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = install(folder.path(), &emulator);
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let added = ["tenants", "add", "acme", "--balance", "100", "--data", data];
    assert!(process::run(&added).status.success());
    let token = process::run(&["token", "acme", "--data", data]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let tenant = TestTenant::new("acme".parse().unwrap(), &installation.base_url, token);
    let process = installation.start().await;
    let inputs = tenant.inputs().await;
    process.kill();
    let line = |n| json!({ "model": MODEL, "input": inputs, "reference": format!("{n}") });
    let lines = (0..LINES).map(|n| line(n).to_string());
    let body = lines.collect::<Vec<_>>().join("\n");

    for _ in 0..kills(KILLS) {
        let process = installation.start().await;
        let (sender, body) = (tenant.clone(), body.clone());
        let sending = tokio::spawn(async move { try_send(&sender, &body).await });
        tokio::time::sleep(Duration::from_millis(random_below(500))).await;
        process.kill();
        sending.await.unwrap();
    }
    let process = installation.start().await;
    let id = try_send(&tenant, &body).await.expect("it is stored");

    let batch = eventually("the batch's end", || async {
        let batch = tenant.get(&format!("/v1/batches/{id}")).await.body;
        (batch["state"] == "completed").then_some(batch)
    })
    .await;
    let listed = tenant.get("/v1/batches").await.body;
    assert_eq!(listed["batches"].as_array().map(Vec::len), Some(1));
    let results = tenant.get(&format!("/v1/batches/{id}/results")).await.body;
    let results = results.as_str().unwrap().lines();
    let results: Vec<Value> = results
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let tasks: BTreeSet<_> = results.iter().map(|it| it["task"].to_string()).collect();
    assert_eq!((results.len(), tasks.len()), (LINES, LINES));
    let completed = results
        .iter()
        .filter(|it| it["state"] == "completed")
        .count();
    assert_eq!(batch["completed"], completed);
    assert_eq!(batch["failed"], LINES - completed);
    assert_eq!(emulator.runs().len(), completed, "a paid run was lost");
    let spent = 100.0 - tenant.balance_usd().await;
    #[expect(clippy::cast_precision_loss, reason = "there are few lines")]
    let due = completed as f64 * 0.08;
    assert!((spent - due).abs() < 1e-6, "{spent} of {due}");
    process.kill();
}
