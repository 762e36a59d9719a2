//! Power failures on a disk that keeps only what was synced: whatever was acknowledged is there,
//! a completed task has its object, and each charge has its task.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::lying_disk::{History, Recorder, Unsynced};
use fluxgate_tests::{FluxgateProcess, LiveReceiver, TestTenant, process};
use serde_json::Value;

use crate::crash::{Installation, check, install, random_below, try_submit};

const LIVES: usize = 3;
/// Moments of each life at which the power could have failed as well.
const MOMENTS: usize = 4;
const SUBMITTERS: usize = 4;

/// What was sent, and what of it was answered.
#[derive(Default, Clone)]
struct Burst {
    keys: Vec<String>,
    /// The tasks, and when each answer was there.
    acknowledged: Vec<(SystemTime, String)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_forgets_what_was_not_synced_loses_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        run_time: Duration::from_millis(30),
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = install(folder.path(), &emulator);
    let elsewhere = Elsewhere::install(&folder.path().join("elsewhere"), &emulator);
    let receiver = LiveReceiver::start().await;
    let data = folder.path().join("data");
    let tenant = tenant_of(&data, &installation.base_url);
    let process = installation.start().await;
    let inputs = tenant.inputs().await;
    tenant.endpoint(&receiver.url("events")).await;
    process.kill();

    let mut keys = Vec::new();
    for life in 0..LIVES {
        let scratch = folder.path().join(format!("life-{life}"));
        std::fs::create_dir(&scratch).unwrap();
        let recorder = Recorder::of(&data, &scratch);
        let process = installation.start_with(&recorder.env()).await;
        let burst = burst(process, life, &tenant, &inputs).await;
        let history = recorder.history();
        keys.extend(burst.keys);
        for _ in 0..MOMENTS {
            let records = below(history.len());
            history.rebuild(records, any_outcome(), &elsewhere.data);
            let there = before(&burst.acknowledged, history.time_of(records));
            elsewhere.check(&tenant, &there).await;
        }
        // The provider and the receiver know nothing of what the process did later than this.
        fail_the_power(&history, &data);
    }
    let process = installation.start().await;
    let mut tasks = BTreeSet::new();
    for key in &keys {
        let answer = tenant.submit_with_key(&inputs, key).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        tasks.insert(answer.text("/data/id"));
    }
    assert_eq!(tasks.len(), keys.len(), "every key is one task");
    let tasks: BTreeSet<&String> = tasks.iter().collect();
    check(&tenant, &receiver, &tasks).await;
    process.kill();
    check_books(&data);
}

#[test]
fn what_commands_wrote_is_there_after_a_power_failure() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let scratch = folder.path().join("scratch");
    std::fs::create_dir(&data).unwrap();
    std::fs::create_dir(&scratch).unwrap();
    let recorder = Recorder::of(&data, &scratch);
    let path = data.to_str().unwrap();
    let add = ["tenants", "add", "acme", "--balance", "5", "--data", path];
    let added = process::run_with(&add, &recorder.env());
    assert!(added.status.success(), "{added:?}");

    fail_the_power(&recorder.history(), &data);
    let shown = process::run(&["tenants", "show", "acme", "--data", path]);

    assert!(shown.status.success(), "{shown:?}");
    check_books(&data);
}

fn tenant_of(data: &Path, base_url: &str) -> TestTenant {
    let data = data.to_str().unwrap();
    let add = ["tenants", "add", "acme", "--balance", "100", "--data", data];
    assert!(process::run(&add).status.success());
    let token = process::run(&["token", "acme", "--data", data]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    TestTenant::new("acme".parse().unwrap(), base_url, token)
}

/// Submits from several clients, each until its first lost answer, while the process lives a while.
async fn burst(
    process: FluxgateProcess,
    life: usize,
    tenant: &TestTenant,
    inputs: &Value,
) -> Burst {
    let told: Arc<Mutex<Burst>> = Arc::default();
    let submitting = (0..SUBMITTERS).map(|client| {
        let (tenant, inputs, told) = (tenant.clone(), inputs.clone(), told.clone());
        tokio::spawn(async move {
            for n in 0.. {
                let key = format!("life {life} client {client} task {n}");
                told.lock().unwrap().keys.push(key.clone());
                let Some(task) = try_submit(&tenant, &inputs, &key).await else {
                    return;
                };
                let now = SystemTime::now();
                told.lock().unwrap().acknowledged.push((now, task));
            }
        })
    });
    let submitting: Vec<_> = submitting.collect();
    tokio::time::sleep(Duration::from_millis(400 + random_below(800))).await;
    process.kill();
    for submit in submitting {
        submit.await.unwrap();
    }
    told.lock().unwrap().clone()
}

fn before(acknowledged: &[(SystemTime, String)], time: SystemTime) -> Vec<String> {
    let there = acknowledged.iter().filter(|(at, _)| *at <= time);
    there.map(|(_, task)| task.clone()).collect()
}

fn any_outcome() -> Unsynced {
    match random_below(3) {
        0 => Unsynced::Lost,
        1 => Unsynced::There,
        _ => Unsynced::Some {
            seed: random_below(u64::MAX),
        },
    }
}

fn below(bound: usize) -> usize {
    usize::try_from(random_below(bound as u64)).unwrap()
}

/// The folder is what the end of the process left on the disk.
fn fail_the_power(history: &History, data: &Path) {
    assert!(history.syncs(history.len()) > 0, "nothing was ever synced");
    std::fs::remove_dir_all(data).unwrap();
    history.rebuild(history.len(), any_outcome(), data);
}

/// The command finds nothing wrong, every charge has its task.
fn check_books(data: &Path) {
    let books = process::run(&["accounts", "check", "--data", data.to_str().unwrap()]);
    assert!(books.status.success(), "{books:?}");
}

/// An installation of its own on rebuilt folders, whose provider answers nothing.
struct Elsewhere {
    installation: Installation,
    data: std::path::PathBuf,
}

impl Elsewhere {
    fn install(folder: &Path, emulator: &Emulator) -> Self {
        std::fs::create_dir(folder).unwrap();
        Self {
            installation: install(folder, emulator),
            data: folder.join("data"),
        }
    }

    /// Empties the folder for the next.
    async fn check(&self, tenant: &TestTenant, acknowledged: &[String]) {
        check_books(&self.data);
        let process = self
            .installation
            .start_with(&[("FLUXGATE_PROVIDER", "http://127.0.0.1:9")])
            .await;
        let url = &self.installation.base_url;
        let tenant = TestTenant::new(tenant.id.clone(), url, tenant.token.clone());
        for task in acknowledged {
            let there = tenant.get(&format!("/v1/tasks/{task}")).await;
            assert_eq!(there.status, 200, "task {task} was acknowledged");
        }
        let listed = tenant.get("/v1/tasks?limit=100").await;
        for task in listed.body["tasks"].as_array().unwrap() {
            if task["status"] == "completed" {
                let result = tenant.result(task["id"].as_str().unwrap()).await;
                let link = result["outputs"][0].as_str().unwrap();
                assert!(!tenant.download(link).await.is_empty(), "{result}");
            }
        }
        process.kill();
        std::fs::remove_dir_all(&self.data).unwrap();
    }
}
