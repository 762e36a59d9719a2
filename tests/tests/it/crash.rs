//! SIGKILL at random moments in a burst: every task still ends once, is charged once, archived
//! once, announced at least once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fluxgate_core::port::Ids as _;
use fluxgate_core::port::SystemEntropy;
use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::{FluxgateProcess, LiveReceiver, TestTenant, process};
use serde_json::Value;

const KILLS: usize = 12;
const TASKS_PER_LIFE: usize = 6;
const PRICE_USD: f64 = 0.08;

/// The process under test, which can be started again on the same folder and ports.
pub(crate) struct Installation {
    config: String,
    pub(crate) base_url: String,
    key: String,
}

impl Installation {
    pub(crate) async fn start(&self) -> FluxgateProcess {
        FluxgateProcess::serve(
            &["--config", &self.config],
            &[("WAVESPEED_API_KEY", &self.key)],
            &self.base_url,
        )
        .await
    }
}

pub(crate) fn install(folder: &std::path::Path, emulator: &Emulator) -> Installation {
    let (listen, s3_listen) = (free_address(), free_address());
    let base_url = format!("http://{listen}");
    let config = format!(
        "data = \"{}\"\nlisten = \"{listen}\"\ns3_listen = \"{s3_listen}\"\npublic_url = \"{base_url}\"\nprovider = \"{}\"\n\
         allow_net = [\"127.0.0.0/8\"]\n[bounds]\nsubmit_timeout_ms = 1500\nunknown_max_ms = 8000\ndenials_min = 3\ndenials_span_ms = 1000\nwatch_first_ms = 500\n\
         watch_max_ms = 1500\nwake_first_ms = 200\nwake_max_ms = 1000\ncallback_schedule_ms = [100, 200, 400, 800, 1600]\n",
        folder.join("data").display(),
        emulator.base_url()
    );
    let path = folder.join("fluxgate.toml");
    std::fs::write(&path, config).unwrap();
    Installation {
        config: path.to_str().unwrap().to_owned(),
        base_url,
        key: emulator.api_key().to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_sigkill_interrupts_goes_on_by_itself_and_nothing_is_lost_or_doubled() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        run_time: Duration::from_millis(30),
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = install(folder.path(), &emulator);
    let receiver = LiveReceiver::start().await;
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    assert!(
        process::run(&["tenants", "add", "acme", "--balance", "100", "--data", data])
            .status
            .success()
    );
    let token = String::from_utf8(process::run(&["token", "acme", "--data", data]).stdout).unwrap();
    let tenant = TestTenant::new(
        "acme".parse().unwrap(),
        &installation.base_url,
        token.trim().to_owned(),
    );
    let process = installation.start().await;
    let inputs = tenant.inputs().await;
    tenant.endpoint(&receiver.url("events")).await;
    process.kill();

    let mut keys = Vec::new();
    for life in 0..KILLS {
        let process = installation.start().await;
        let burst = (0..TASKS_PER_LIFE).map(|n| {
            let key = format!("life {life} task {n}");
            keys.push(key.clone());
            let (tenant, inputs) = (tenant.clone(), inputs.clone());
            tokio::spawn(async move { try_submit(&tenant, &inputs, &key).await })
        });
        let burst: Vec<_> = burst.collect();
        tokio::time::sleep(Duration::from_millis(random_below(400))).await;
        process.kill();
        for submit in burst {
            submit.await.unwrap();
        }
    }
    let process = installation.start().await;

    let mut tasks = BTreeMap::new();
    for key in &keys {
        let answer = tenant.submit_with_key(&inputs, key).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        tasks.insert(key.clone(), answer.text("/data/id"));
    }
    let unique: BTreeSet<&String> = tasks.values().collect();
    assert_eq!(unique.len(), keys.len(), "every key is one task");
    check(&tenant, &receiver, &unique).await;
    let paid = emulator.runs().len();
    let claimed = completed_runs(&tenant, &unique).await;
    assert!(
        claimed <= paid,
        "{claimed} tasks completed on {paid} paid runs"
    );
    assert_eq!(paid, claimed, "a paid run was lost");
    process.kill();
}

/// One try of a client that ignores a lost answer.
async fn try_submit(tenant: &TestTenant, inputs: &Value, key: &str) {
    let request = tenant
        .http()
        .post(tenant.url("/api/v3/wavespeed-ai/flux-kontext-max"));
    drop(
        request
            .bearer_auth(&tenant.token)
            .header("Idempotency-Key", key)
            .json(inputs)
            .send()
            .await,
    );
}

/// Each task has ended once, was announced, and the sums agree with what ended how.
async fn check(tenant: &TestTenant, receiver: &LiveReceiver, tasks: &BTreeSet<&String>) {
    let mut completed = 0;
    for task in tasks {
        let prediction = tenant.ended(task).await;
        receiver.about(task, 1).await;
        let steps = tenant.steps(task).await;
        let count = |name: &str| steps.iter().filter(|step| *step == name).count();
        match prediction["status"].as_str().unwrap() {
            "completed" => {
                completed += 1;
                assert_eq!((count("finished"), count("archived")), (1, 1), "{steps:?}");
                assert_eq!(prediction["objects"].as_array().unwrap().len(), 1);
                tenant
                    .download(prediction["outputs"][0].as_str().unwrap())
                    .await;
            }
            // A crash between the intent and the POST: nothing was sent, and nothing is charged.
            "failed" => assert!(is_unsent(&prediction), "{prediction}"),
            other => panic!("task {task} is {other}"),
        }
    }
    let spent = 100.0 - tenant.balance_usd().await;
    assert!(
        (spent - f64::from(completed) * PRICE_USD).abs() < 1e-9,
        "{completed} completed, ${spent} spent"
    );
}

/// The provider's list showed no run, or could not decide because an equal run had no task.
fn is_unsent(prediction: &Value) -> bool {
    matches!(
        prediction["reason"].as_str(),
        Some("submit_lost" | "submit_unresolved")
    )
}

async fn completed_runs(tenant: &TestTenant, tasks: &BTreeSet<&String>) -> usize {
    let mut completed = 0;
    for task in tasks {
        completed += usize::from(tenant.result(task).await["status"] == "completed");
    }
    completed
}

pub(crate) fn random_below(bound: u64) -> u64 {
    SystemEntropy.u64() % bound
}
