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

/// Unless `TEST_KILLS` says another number.
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
        self.start_with(&[]).await
    }

    /// The same with these variables besides.
    pub(crate) async fn start_with(&self, env: &[(&str, &str)]) -> FluxgateProcess {
        let env = [env, &[("WAVESPEED_API_KEY", self.key.as_str())]].concat();
        FluxgateProcess::serve(&["--config", &self.config], &env, &self.base_url).await
    }

    /// The same with the shell's `ulimit` of this; what would end the process fails instead.
    pub(crate) async fn start_under(&self, limit: &str) -> FluxgateProcess {
        let limits = format!(
            "{limit} && trap '' XFSZ && export WAVESPEED_API_KEY={}",
            self.key
        );
        let args = ["--config", &self.config];
        FluxgateProcess::serve_under(&limits, &args, &self.base_url).await
    }
}

/// How often a test kills the process, if nobody asks for another number.
pub(crate) fn kills(unless_asked: usize) -> usize {
    let asked = std::env::var("TEST_KILLS").ok();
    asked.map_or(unless_asked, |kills| {
        kills.parse().expect("TEST_KILLS is a number")
    })
}

pub(crate) fn install(folder: &std::path::Path, emulator: &Emulator) -> Installation {
    install_before(folder, &emulator.base_url(), emulator.api_key())
}

/// In front of the provider at this address.
pub(crate) fn install_before(folder: &std::path::Path, provider: &str, key: &str) -> Installation {
    let (listen, s3_listen) = (free_address(), free_address());
    let base_url = format!("http://{listen}");
    let config = format!(
        "data = \"{}\"\nlisten = \"{listen}\"\ns3_listen = \"{s3_listen}\"\npublic_url = \"{base_url}\"\nprovider = \"{}\"\n\
         allow_net = [\"127.0.0.0/8\"]\n[bounds]\nsubmit_timeout_ms = 1500\nunknown_max_ms = 8000\ndenials_min = 3\ndenials_span_ms = 1000\nwatch_first_ms = 500\n\
         watch_max_ms = 1500\nwake_first_ms = 200\nwake_max_ms = 1000\ncallback_schedule_ms = [100, 200, 400, 800, 1600]\n",
        folder.join("data").display(),
        provider
    );
    let path = folder.join("fluxgate.toml");
    std::fs::write(&path, config).unwrap();
    Installation {
        config: path.to_str().unwrap().to_owned(),
        base_url,
        key: key.to_owned(),
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
    for life in 0..kills(KILLS) {
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

/// One try; the task, unless the answer was lost.
pub(crate) async fn try_submit(tenant: &TestTenant, inputs: &Value, key: &str) -> Option<String> {
    let request = tenant
        .http()
        .post(tenant.url("/api/v3/wavespeed-ai/flux-kontext-max"));
    let answer = request
        .bearer_auth(&tenant.token)
        .header("Idempotency-Key", key)
        .json(inputs)
        .send()
        .await
        .ok()?;
    let answer: Value = answer.json().await.ok()?;
    answer["data"]["id"].as_str().map(str::to_owned)
}

/// Each task has ended once, was announced, and the sums agree with what ended how.
pub(crate) async fn check(tenant: &TestTenant, receiver: &LiveReceiver, tasks: &BTreeSet<&String>) {
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
