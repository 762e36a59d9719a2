//! What becomes of single tasks around a backup: sent at it, waiting at it and sent afterwards, and
//! acknowledged after it.

use std::collections::BTreeMap;
use std::time::Duration;

use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{TestTenant, eventually, process};
use serde_json::Value;

use super::burst::{run, submit, tenant, text};
use crate::crash::install;

/// One run at a time: what is submitted second waits for the first.
const ONE_AT_A_TIME: (&str, &str) = ("FLUXGATE_PROVIDER_CONCURRENCY", "1");

/// How many runs the provider has of each prompt.
pub(super) fn runs(emulator: &Emulator) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for run in emulator.runs() {
        let prompt = run.inputs["prompt"].as_str().unwrap_or_default();
        *counts.entry(prompt.to_owned()).or_default() += 1;
    }
    counts
}

pub(super) async fn slow_provider(run_time: Duration) -> Emulator {
    let config = EmulatorConfig {
        run_time,
        ..emulator_config()
    };
    Emulator::start(config).await.unwrap()
}

async fn submitted(tenant: &TestTenant, inputs: &Value, key: &str) -> String {
    let mut tasks = submit(tenant, inputs, [key.to_owned()].into_iter()).await;
    tasks.remove(key).unwrap()
}

/// It fails for a report with findings.
async fn reconciled(data: &str) -> Value {
    let data = data.to_owned();
    let args = move || process::run(&["reconcile", "--json", "--data", &data]).stdout;
    let report = tokio::task::spawn_blocking(args).await.unwrap();
    serde_json::from_slice(&report).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_waited_at_the_backup_is_looked_for_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = slow_provider(Duration::from_secs(1)).await;
    let installation = install(folder.path(), &emulator);
    let [data, backup, restored] =
        ["data", "backup", "restored"].map(|name| folder.path().join(name));
    let (data, backup, restored) = (text(&data), text(&backup), text(&restored));
    let tenant = tenant(&installation, data).await;
    let process = installation.start_with(&[ONE_AT_A_TIME]).await;
    let inputs = tenant.inputs().await;
    let sent = submitted(&tenant, &inputs, "sent").await;
    let waiting = submitted(&tenant, &inputs, "waiting").await;
    run(&["backup", backup, "--data", data]).await;
    assert!(!runs(&emulator).contains_key("waiting"), "it waits");
    let lost = submitted(&tenant, &inputs, "lost").await;
    eventually("runs of all three", || async {
        (runs(&emulator).len() == 3).then_some(())
    })
    .await;
    process.kill();

    let keys = ["--input-keys", data, "--data", restored];
    let told = run(&[&["restore", backup][..], &keys].concat()).await;
    let env = [ONE_AT_A_TIME, ("FLUXGATE_DATA", restored)];
    let process = installation.start_with(&env).await;

    assert_eq!(told["tasks_in_doubt"], 1, "{told}");
    for task in [&sent, &waiting] {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    let steps = tenant.steps(&waiting).await;
    assert!(steps.contains(&"restored".to_owned()), "{steps:?}");
    let gone = tenant.get(&format!("/v1/tasks/{lost}")).await;
    assert_eq!(gone.status, 404);
    assert!(
        runs(&emulator).values().all(|runs| *runs == 1),
        "{:?}",
        runs(&emulator)
    );
    let findings = eventually("the orphan", || async {
        let findings = reconciled(restored).await["findings"].clone();
        let found = findings.as_array().cloned().unwrap_or_default();
        (!found.is_empty()).then_some(found)
    })
    .await;
    let of_lost = emulator.runs().into_iter();
    let of_lost = of_lost.filter(|run| run.inputs["prompt"] == "lost");
    let of_lost: Vec<String> = of_lost.map(|run| run.id).collect();
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0]["run"], of_lost[0].as_str(), "{findings:?}");
    process.kill();
}
