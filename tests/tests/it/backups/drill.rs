//! A folder that is restored to look whether the backup is good: it is served, shows everything,
//! and sends nothing to anybody before somebody says so.

use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::Reason;
use fluxgate_core::port::SystemClock;
use fluxgate_embedded::SqliteStore;
use fluxgate_emulator::Emulator;
use fluxgate_tests::contract::restorations;
use fluxgate_tests::{LiveReceiver, TestTenant, eventually, process};
use serde_json::{Value, json};

use super::burst::{run, submit, tenant, text};
use super::restored::{runs, slow_provider};
use crate::crash::{Installation, install};

const ONE_AT_A_TIME: (&str, &str) = ("FLUXGATE_PROVIDER_CONCURRENCY", "1");

/// What leaves the machine.
fn told(emulator: &Emulator, receiver: &LiveReceiver) -> (usize, usize) {
    (emulator.runs().len(), receiver.received().len())
}

async fn status(tenant: &TestTenant, task: &str) -> Value {
    tenant.result(task).await["status"].clone()
}

/// Restores the backup of a server that had a task whose callback failed, one that ran and one that
/// waited, and was killed.
async fn before(
    installation: &Installation,
    (emulator, receiver): (&Emulator, &LiveReceiver),
    [data, backup, drill]: [&str; 3],
) -> (TestTenant, Value, Vec<String>) {
    let tenant = tenant(installation, data).await;
    let process = installation.start_with(&[ONE_AT_A_TIME]).await;
    let inputs = tenant.inputs().await;
    tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500]);
    let keys = ["ended", "running", "waiting"].map(str::to_owned);
    let tasks = submit(&tenant, &inputs, keys.into_iter()).await;
    eventually("an attempt that failed, and the second run", || async {
        (told(emulator, receiver) == (2, 1)).then_some(())
    })
    .await;
    run(&["backup", backup, "--buckets", "--data", data]).await;
    process.kill();
    let keys = ["--input-keys", data, "--data", drill];
    let restored = run(&[&["restore", backup, "--drill"][..], &keys].concat()).await;
    assert_eq!(restored["drill"], true, "{restored}");
    (tenant, inputs, tasks.into_values().collect())
}

async fn ready(tenant: &TestTenant) -> (u16, String) {
    let answer = tenant.get("/readyz").await;
    (answer.status.as_u16(), answer.text("/status"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_is_read_and_tells_nobody_until_its_end_is_ordered() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = slow_provider(Duration::from_millis(800)).await;
    let receiver = LiveReceiver::start().await;
    let installation = install(folder.path(), &emulator);
    let paths = ["data", "backup", "drill"].map(|name| folder.path().join(name));
    let [data, backup, drill] = paths.each_ref().map(|path| text(path));
    let outside = (&emulator, &receiver);
    let (tenant, inputs, tasks) = before(&installation, outside, [data, backup, drill]).await;
    let env = [ONE_AT_A_TIME, ("FLUXGATE_DATA", drill)];
    let before = told(&emulator, &receiver);

    let process = installation.start_with(&env).await;
    let batch = json!({ "lines": [{ "model": "wavespeed-ai/flux-kontext-max", "input": inputs }] });
    let refusals = [
        tenant.submit_with_key(&inputs, "new").await,
        tenant.post("/v1/batches", &batch).await,
    ];
    let books = run(&["accounts", "check", "--data", drill]).await;
    let shown = run(&["tasks", "show", "acme", &tasks[1], "--data", drill]).await;
    let output = tenant.result(&tasks[0]).await["outputs"][0].clone();
    let output = tenant.download(output.as_str().unwrap()).await;
    let doctor = doctor(drill).await;
    process.kill();
    let process = installation.start_with(&env).await;
    let still = ready(&tenant).await;
    let state = run(&["restoration", "status", "--data", drill]).await;

    for refused in refusals {
        assert_eq!(refused.status, 503, "{:?}", refused.body);
        let text = refused.body.to_string();
        assert!(text.contains("this is a drill"), "{text}");
    }
    assert_eq!(still, (200, "drill".to_owned()));
    assert_eq!(state, json!({ "needed": true, "drill": true }));
    assert_eq!(books["findings"], json!([]), "{books}");
    assert_eq!(shown["id"], tasks[1].as_str(), "{shown}");
    assert!(output.len() > 100, "{}", output.len());
    assert!(doctor.matches("a drill").count() >= 2, "{doctor}");
    assert_ne!(status(&tenant, &tasks[1]).await, "completed");
    assert_eq!(told(&emulator, &receiver), before, "it told somebody");

    let ended = run(&["restoration", "start", "--data", drill]).await;

    assert_eq!(ended["state"], "done", "{ended}");
    for task in &tasks {
        tenant.ended(task).await;
    }
    eventually("the callbacks of all three", || async {
        (receiver.received().len() >= 4).then_some(())
    })
    .await;
    let once = runs(&emulator);
    assert!(once.values().all(|runs| *runs == 1), "{once:?}");
    assert_eq!(ready(&tenant).await, (200, "ok".to_owned()));
    let new = tenant.submit(&inputs).await;
    assert_eq!(tenant.ended(&new).await["status"], "completed");
    process.kill();
}

/// What it says of folder and server; the provider is none that it can ask.
async fn doctor(data: &str) -> String {
    let data = data.to_owned();
    let running = tokio::task::spawn_blocking(move || process::run(&["doctor", "--data", &data]));
    String::from_utf8(running.await.unwrap().stdout).unwrap()
}

#[tokio::test]
async fn the_mark_of_a_drill_lies_in_the_database_and_goes_for_every_process() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Arc::new(SqliteStore::open(folder.path(), Arc::new(SystemClock)).unwrap());
    drop(open().await);
    SqliteStore::mark_drill(folder.path(), true).unwrap();

    restorations::a_restored_store_is_seen_to_once_for_every_process(Reason::Drill, open).await;
}

/// Such a backup is a copy of the copy.
#[tokio::test]
async fn what_a_backup_of_a_drill_becomes_depends_on_how_it_is_restored() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| text(&folder.path().join(name)).to_owned();
    let [data, first, drill, second, real] = ["data", "first", "drill", "second", "real"].map(path);
    run(&["tenants", "add", "acme", "--data", &data]).await;
    run(&["backup", &first, "--data", &data]).await;
    run(&["restore", &first, "--drill", "--data", &drill]).await;
    run(&["backup", &second, "--data", &drill]).await;

    let restored = run(&["restore", &second, "--data", &real]).await;

    assert_eq!(restored["drill"], false, "{restored}");
    for (folder, is_drill) in [(&drill, true), (&real, false)] {
        let state = run(&["restoration", "status", "--data", folder]).await;
        assert_eq!(state["drill"], is_drill, "{state}");
    }
}
