//! A backup in the middle of a burst, a SIGKILL, and a restoration: nothing that the backup had is
//! lost, and nothing is paid for twice.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{TestTenant, eventually, process};
use serde_json::{Value, json};

use crate::crash::{Installation, install};

const TASKS: usize = 30;
const LINES: usize = 12;
const LATE: usize = 6;
/// So few runs at once that most tasks are not sent when the backup is made.
const LIMITS: [(&str, &str); 2] = [
    ("FLUXGATE_PROVIDER_CONCURRENCY", "2"),
    ("FLUXGATE_BOUNDS__BATCH_IN_PROGRESS_MAX", "2"),
];

/// Runs a command to its end, which must be a good one, and reads its JSON.
pub(super) async fn run(args: &[&str]) -> Value {
    let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
    let running = tokio::task::spawn_blocking(move || {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        process::run(&[&args[..], &["--json"]].concat())
    });
    let output = running.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(super) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Tasks by their keys, each with inputs of its own.
pub(super) async fn submit(
    tenant: &TestTenant,
    inputs: &Value,
    keys: impl Iterator<Item = String>,
) -> BTreeMap<String, String> {
    let mut tasks = BTreeMap::new();
    for key in keys {
        let mut inputs = inputs.clone();
        inputs["prompt"] = key.as_str().into();
        let answer = tenant.submit_with_key(&inputs, &key).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        tasks.insert(key, answer.text("/data/id"));
    }
    tasks
}

struct Burst {
    tenant: TestTenant,
    inputs: Value,
    /// Accepted before the backup began.
    tasks: BTreeMap<String, String>,
    batch: String,
    /// Completed before the backup began, with their outputs.
    completed: BTreeMap<String, Vec<u8>>,
}

impl Burst {
    async fn begin(tenant: TestTenant) -> Self {
        let inputs = tenant.inputs().await;
        let keys = (0..TASKS).map(|n| format!("task {n}"));
        let tasks = submit(&tenant, &inputs, keys).await;
        let line = |n| {
            json!({ "model": MODEL, "reference": format!("{n}"),
                "input": { "prompt": format!("line {n}"), "image": inputs["image"] } })
        };
        let lines: Vec<String> = (0..LINES).map(|n| line(n).to_string()).collect();
        let request = tenant.http().post(tenant.url("/v1/batches"));
        let batch = tenant.send(request.body(lines.join("\n"))).await;
        assert!(batch.status.is_success(), "{:?}", batch.body);
        let mut burst = Self {
            tenant,
            inputs,
            tasks,
            batch: batch.text("/id"),
            completed: BTreeMap::new(),
        };
        burst.complete(4).await;
        burst
    }

    async fn complete(&mut self, count: usize) {
        for task in self.tasks.values().take(count) {
            let ended = self.tenant.ended(task).await;
            let output = ended["outputs"][0].as_str().unwrap();
            let output = self.tenant.download(output).await;
            self.completed.insert(task.clone(), output);
        }
    }

    /// Returns how many completed.
    async fn check(&self) -> usize {
        let mut completed = 0;
        for (key, task) in &self.tasks {
            let again = submit(&self.tenant, &self.inputs, [key.clone()].into_iter()).await;
            assert_eq!(again[key], *task, "the key still names its task");
            let ended = self.tenant.ended(task).await;
            match ended["status"].as_str().unwrap() {
                "completed" => completed += 1,
                "failed" => assert_eq!(ended["reason"], "submit_lost", "{ended}"),
                other => panic!("{task} is {other}"),
            }
        }
        for (task, before) in &self.completed {
            let output = self.tenant.result(task).await["outputs"][0].clone();
            let output = self.tenant.download(output.as_str().unwrap()).await;
            assert_eq!(output, *before, "{task}");
        }
        completed
    }

    async fn check_batch(&self) -> u64 {
        let path = format!("/v1/batches/{}", self.batch);
        let batch = eventually("the end of the batch", || async {
            let batch = self.tenant.get(&path).await.body;
            (!batch["ended_at"].is_null()).then_some(batch)
        })
        .await;
        assert_eq!(batch["state"], "cancelled", "{batch}");
        batch["completed"].as_u64().unwrap()
    }
}

pub(super) async fn tenant(installation: &Installation, data: &str) -> TestTenant {
    run(&["tenants", "add", "acme", "--balance", "100", "--data", data]).await;
    let token = run(&["token", "acme", "--data", data]).await;
    let token = token["token"].as_str().unwrap().to_owned();
    TestTenant::new("acme".parse().unwrap(), &installation.base_url, token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_backup_in_a_burst_has_is_restored_whole_and_nothing_is_paid_for_twice() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        run_time: Duration::from_millis(150),
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = install(folder.path(), &emulator);
    let [data, backup, keys, restored] =
        ["data", "backup", "keys", "restored"].map(|name| folder.path().join(name));
    let (data, backup, restored) = (text(&data), text(&backup), text(&restored));
    let tenant = tenant(&installation, data).await;
    let process = installation.start_with(&LIMITS).await;
    let burst = Burst::begin(tenant.clone()).await;

    let keys = text(&keys);
    let to_keys = ["--input-keys", keys, "--data", data];
    let made = run(&[&["backup", backup, "--buckets"][..], &to_keys].concat()).await;
    let runs = emulator.runs().len();
    submit(
        &tenant,
        &burst.inputs,
        (0..LATE).map(|n| format!("late {n}")),
    )
    .await;
    // Some of them for tasks that the backup has as waiting.
    eventually("more runs", || async {
        (emulator.runs().len() >= runs + 6).then_some(())
    })
    .await;
    process.kill();
    let paid = emulator.runs().len();
    let with_keys = ["--input-keys", keys, "--data", restored];
    let told = run(&[&["restore", backup][..], &with_keys].concat()).await;
    let env = [&LIMITS[..], &[("FLUXGATE_DATA", restored)]].concat();
    let process = installation.start_with(&env).await;

    assert!(
        made["manifest"]["buckets"]["files"].as_u64() >= Some(4),
        "{made}"
    );
    assert_eq!(told["batches_cancelled"], 1, "{told}");
    assert!(told["tasks_in_doubt"].as_u64() > Some(6), "{told}");
    let completed = burst.check().await as u64 + burst.check_batch().await;
    assert_eq!(emulator.runs().len(), paid, "a run was paid for twice");
    let spent = 100.0 - tenant.balance_usd().await;
    #[expect(clippy::cast_precision_loss, reason = "there are few tasks")]
    let due = completed as f64 * 0.08;
    assert!((spent - due).abs() < 1e-6, "{spent} of {due}");
    let books = run(&["accounts", "check", "--data", restored]).await;
    assert_eq!(books["findings"], json!([]), "{books}");
    let new = tenant.submit(&burst.inputs).await;
    assert_eq!(tenant.ended(&new).await["status"], "completed");
    process.kill();
}
