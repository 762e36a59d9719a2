//! The fair queue over restarts and crashes: no slot stays taken, no task is lost or run twice.

use std::time::Duration;

use fluxgate_core::fair_queue::{Capacity, FairQueueAnswer, FairQueueQuestion, FairQueueRequest};
use fluxgate_core::port::{Clock as _, FairQueueStore as _, SystemClock};
use fluxgate_emulator::{Emulator, EmulatorConfig};
use fluxgate_tests::gateway::{emulator_config, free_address};
use fluxgate_tests::{FluxgateProcess, TestTenant, process};

use super::{faults, inputs};

#[tokio::test]
async fn tasks_in_line_go_at_once_when_the_limit_is_lifted() {
    let folder = tempfile::tempdir().unwrap();
    let run_time = Duration::from_secs(4);
    let emulator = Emulator::start(EmulatorConfig {
        faults: faults(),
        run_time,
        ..emulator_config()
    })
    .await
    .unwrap();
    let limited = Installation::on(folder.path(), &emulator, Some(1));
    let tenant = limited.tenant("acme");
    let process = limited.start().await;
    let inputs = inputs(&tenant.upload().await, "x");
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(tenant.submit(&inputs).await);
    }
    assert_eq!(emulator.runs().len(), 1);
    process.kill();

    let process = Installation {
        concurrency: None,
        ..limited
    }
    .start()
    .await;

    for task in &tasks {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    assert!(
        emulator.runs_at_once() >= 3,
        "{} at once",
        emulator.runs_at_once()
    );
    process.kill();
}

#[tokio::test]
async fn a_slot_that_a_crash_left_taken_is_free_after_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(EmulatorConfig {
        faults: faults(),
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = Installation::on(folder.path(), &emulator, Some(1));
    let tenant = installation.tenant("acme");
    // As if a process had died between its turn and its submit.
    let store = fluxgate_embedded::SqliteStore::open(
        &folder.path().join("data"),
        std::sync::Arc::new(SystemClock),
    )
    .unwrap();
    let question = FairQueueQuestion::Enter {
        tenant: tenant.id.clone(),
        weight: 1,
    };
    let capacity = Capacity {
        per_minute: None,
        concurrency: Some(1),
    };
    let taken = store
        .ask(&FairQueueRequest {
            now: SystemClock.now(),
            capacity,
            question,
        })
        .await
        .unwrap();
    assert!(matches!(taken, FairQueueAnswer::Taken(_)));
    drop(store);

    let process = installation.start().await;
    let task = tenant.submit(&inputs(&tenant.upload().await, "x")).await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    process.kill();
}

const KILLED_AMONG: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sigkill_while_tasks_stand_in_line_loses_none_and_runs_none_twice() {
    let folder = tempfile::tempdir().unwrap();
    let run_time = Duration::from_millis(100);
    let emulator = Emulator::start(EmulatorConfig {
        faults: faults(),
        run_time,
        ..emulator_config()
    })
    .await
    .unwrap();
    let installation = Installation::on(folder.path(), &emulator, Some(2));
    let tenant = installation.tenant("acme");
    let process = installation.start().await;
    let image = tenant.upload().await;
    let mut tasks = Vec::new();
    for n in 0..KILLED_AMONG {
        tasks.push(tenant.submit(&inputs(&image, &n.to_string())).await);
    }

    let mut process = process;
    for _ in 0..3 {
        let runs = emulator.runs().len();
        fluxgate_tests::eventually("another run", || async {
            (emulator.runs().len() > runs + 1).then_some(())
        })
        .await;
        process.kill();
        process = installation.start().await;
    }

    let mut completed = 0;
    for task in &tasks {
        let prediction = tenant.ended(task).await;
        match prediction["status"].as_str().unwrap() {
            "completed" => completed += 1,
            // A crash between the intent and the POST: nothing was sent, and nothing is charged.
            "failed" => assert_eq!(prediction["reason"], "submit_unresolved", "{prediction}"),
            other => panic!("task {task} is {other}"),
        }
    }
    assert_eq!(
        emulator.runs().len(),
        completed,
        "each run is one completed task's"
    );
    assert!(completed >= KILLED_AMONG - 6, "{completed} completed");
    assert!(
        emulator.runs_at_once() <= 2,
        "{} at once",
        emulator.runs_at_once()
    );
    process.kill();
}

/// `fluxgate serve` with a limit, on a folder and ports of its own.
struct Installation {
    config: String,
    base_url: String,
    data: String,
    key: String,
    concurrency: Option<u32>,
}

impl Installation {
    fn on(folder: &std::path::Path, emulator: &Emulator, concurrency: Option<u32>) -> Self {
        let (listen, s3_listen) = (free_address(), free_address());
        let base_url = format!("http://{listen}");
        let data = folder.join("data").display().to_string();
        let config = format!(
            "data = \"{data}\"\nlisten = \"{listen}\"\ns3_listen = \"{s3_listen}\"\npublic_url = \"{base_url}\"\n\
             provider = \"{}\"\nallow_net = [\"127.0.0.0/8\"]\n[bounds]\nsubmit_timeout_ms = 1500\nunknown_max_ms = 4000\n\
             watch_first_ms = 500\nwatch_max_ms = 1500\nwake_first_ms = 200\nwake_max_ms = 1000\n",
            emulator.base_url()
        );
        let path = folder.join("fluxgate.toml");
        std::fs::write(&path, config).unwrap();
        let config = path.display().to_string();
        Self {
            config,
            base_url,
            data,
            key: emulator.api_key().to_owned(),
            concurrency,
        }
    }

    fn tenant(&self, name: &str) -> TestTenant {
        let added = process::run(&[
            "tenants",
            "add",
            name,
            "--balance",
            "100",
            "--data",
            &self.data,
        ]);
        assert!(added.status.success());
        let token =
            String::from_utf8(process::run(&["token", name, "--data", &self.data]).stdout).unwrap();
        TestTenant::new(
            name.parse().unwrap(),
            &self.base_url,
            token.trim().to_owned(),
        )
    }

    async fn start(&self) -> FluxgateProcess {
        let concurrency = self.concurrency.map(|most| most.to_string());
        let mut args = vec!["--config", self.config.as_str()];
        args.extend(
            concurrency
                .iter()
                .flat_map(|most| ["--provider-concurrency", most.as_str()]),
        );
        FluxgateProcess::serve(&args, &[("WAVESPEED_API_KEY", &self.key)], &self.base_url).await
    }
}
