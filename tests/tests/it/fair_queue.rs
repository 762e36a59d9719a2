//! The provider's account is limited: tasks over the line wait as `created`, and one tenant's burst
//! is not another's delay.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fluxgate_core::fair_queue::{Capacity, FairQueueAnswer, FairQueueQuestion, FairQueueRequest};
use fluxgate_core::port::{Clock as _, FairQueueStore as _, SystemClock};
use fluxgate_emulator::{Emulator, EmulatorConfig, Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{emulator_config, free_address, quick};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{FluxgateProcess, Gateway, GatewayOptions, TestTenant, process};
use serde_json::{Value, json};

fn faults() -> Faults {
    Faults {
        tiny_output: Fault::Always,
        ..Faults::default()
    }
}

/// One run, told from the others by its prompt.
fn inputs(image: &str, prompt: &str) -> Value {
    json!({ "prompt": prompt, "image": image })
}

/// The prompts of the runs that the emulator took, in their order.
fn prompts(emulator: &Emulator) -> Vec<String> {
    let runs = emulator.runs().into_iter().rev();
    runs.map(|run| run.inputs["prompt"].as_str().unwrap_or_default().to_owned())
        .collect()
}

const CONCURRENCY: usize = 4;
const BURST: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_one_tenant_lets_another_s_single_task_go_within_its_fair_share() {
    let gateway = Gateway::with(GatewayOptions {
        faults: faults(),
        run_time: Duration::from_millis(200),
        concurrency: u32::try_from(CONCURRENCY).ok(),
        ..GatewayOptions::default()
    })
    .await;
    let (busy, single) = (
        gateway.tenant("busy", "100").await,
        gateway.tenant("single", "1").await,
    );
    let image = busy.upload().await;
    let mut burst = Vec::new();
    for n in 0..BURST {
        burst.push(busy.submit(&inputs(&image, &n.to_string())).await);
    }
    let last = burst.last().unwrap();
    assert_eq!(busy.result(last).await["status"], "created");
    assert_eq!(busy.steps(last).await, ["admitted", "queued"]);

    let before = prompts(&gateway.emulator).len();
    let task = single.submit(&inputs(&image, "single")).await;
    assert_eq!(single.ended(&task).await["status"], "completed");

    let order = prompts(&gateway.emulator);
    let position = order.iter().position(|prompt| prompt == "single").unwrap();
    // A slot each may be taken while it is submitted, may have been called before, and may be taken
    // before it looks.
    assert!(
        position - before <= 3 * CONCURRENCY,
        "{} of the burst went before it",
        position - before
    );
    assert!(
        before + 4 * CONCURRENCY < BURST,
        "the burst was nearly over, and the test shows nothing"
    );
    for task in &burst {
        assert_eq!(busy.ended(task).await["status"], "completed");
    }
    assert!(
        gateway.emulator.runs_at_once() <= CONCURRENCY,
        "{} at once",
        gateway.emulator.runs_at_once()
    );
    in_order(&prompts(&gateway.emulator));
    let spent = 100.0 - busy.balance_usd().await;
    assert!((spent - BURST as f64 * 0.08).abs() < 1e-9, "${spent} spent");
    every_slot_is_free(&gateway, &single, CONCURRENCY).await;
    gateway.stop().await;
}

/// As many as there are slots go at once.
async fn every_slot_is_free(gateway: &Gateway, tenant: &TestTenant, slots: usize) {
    let image = tenant.upload().await;
    gateway.emulator.set_faults(Faults {
        webhook_lost: Fault::Always,
        ..faults()
    });
    for _ in 0..slots {
        let task = tenant.submit(&inputs(&image, "after")).await;
        assert_eq!(
            tenant.steps(&task).await[..2],
            ["admitted", "submit_started"]
        );
    }
}

/// Called one after the other; those that were called together may come in any order.
fn in_order(prompts: &[String]) {
    let numbers: Vec<usize> = prompts
        .iter()
        .filter_map(|prompt| prompt.parse().ok())
        .collect();
    assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), BURST);
    for (position, n) in numbers.iter().enumerate() {
        assert!(
            n.abs_diff(position) < 4 * CONCURRENCY,
            "task {n} was the {position}th: {numbers:?}"
        );
    }
}

#[tokio::test]
async fn submits_over_the_rate_wait_and_all_are_made() {
    let gateway = Gateway::with(GatewayOptions {
        faults: faults(),
        rate_per_minute: Some(120),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let started = Instant::now();

    let mut tasks = Vec::new();
    for n in 0..6 {
        tasks.push(tenant.submit(&inputs(&image, &n.to_string())).await);
    }
    let (made, elapsed) = (gateway.emulator.request_count("submit"), started.elapsed());

    // Two at once after a rest, then one each half second.
    assert!(
        u128::from(made) <= 2 + elapsed.as_millis() / 500,
        "{made} submits in {elapsed:?}"
    );
    for task in &tasks {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }
    let elapsed = started.elapsed();
    assert!(
        elapsed >= Duration::from_secs(2),
        "six submits at two a second took {elapsed:?}"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn a_submit_that_is_refused_gives_its_slot_back() {
    let gateway = Gateway::with(GatewayOptions {
        faults: faults(),
        concurrency: Some(1),
        ..GatewayOptions::default()
    })
    .await;
    let (poor, rich) = (
        gateway.tenant("poor", "0").await,
        gateway.tenant("rich", "1").await,
    );
    let image = rich.upload().await;

    for _ in 0..3 {
        assert_eq!(
            poor.post(&format!("/api/v3/{MODEL}"), &inputs(&image, "x"))
                .await
                .status,
            402
        );
    }
    let task = rich.submit(&inputs(&image, "y")).await;

    assert_eq!(rich.steps(&task).await[..2], ["admitted", "submit_started"]);
    rich.ended(&task).await;
    assert_eq!(gateway.emulator.runs().len(), 1);
    gateway.stop().await;
}

#[tokio::test]
async fn a_key_used_again_stands_for_the_task_in_line_and_takes_no_second_place() {
    let run_time = Duration::from_secs(2);
    let gateway = Gateway::with(GatewayOptions {
        faults: faults(),
        run_time,
        concurrency: Some(1),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = inputs(&tenant.upload().await, "x");
    tenant.submit(&inputs).await;

    let first = tenant.submit_with_key(&inputs, "k").await;
    let again = tenant.submit_with_key(&inputs, "k").await;

    assert_eq!(first.text("/data/status"), "created");
    assert_eq!(
        (again.status.as_u16(), again.text("/data/id")),
        (200, first.text("/data/id"))
    );
    assert_eq!(
        tenant.ended(&first.text("/data/id")).await["status"],
        "completed"
    );
    assert_eq!(gateway.emulator.runs().len(), 2);
    gateway.stop().await;
}

#[tokio::test]
async fn a_task_that_provider_puts_off_keeps_its_turn_and_its_slot_is_free_in_the_end() {
    let gateway = Gateway::with(GatewayOptions {
        faults: faults(),
        concurrency: Some(2),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    gateway.emulator.set_faults(Faults {
        rate_limit_per_second: 1,
        ..faults()
    });

    let mut tasks = Vec::new();
    for n in 0..5 {
        tasks.push(tenant.submit(&inputs(&image, &n.to_string())).await);
    }
    let mut deferred = 0;
    for task in &tasks {
        assert_eq!(tenant.ended(task).await["status"], "completed");
        let steps = tenant.steps(task).await;
        deferred += usize::from(steps.contains(&"submit_deferred".to_owned()));
        assert!(
            steps.iter().filter(|step| *step == "queued").count() <= 1,
            "{steps:?}"
        );
    }

    assert!(deferred > 0, "provider put nothing off");
    assert!(
        gateway.emulator.runs_at_once() <= 2,
        "{} at once",
        gateway.emulator.runs_at_once()
    );
    every_slot_is_free(&gateway, &tenant, 2).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_task_that_stands_in_line_for_too_long_is_given_up_with_a_reason_and_its_money() {
    let bounds = BoundsSettings {
        fair_queue_max_ms: Some(700),
        ..quick()
    };
    let run_time = Duration::from_secs(3);
    let options = GatewayOptions {
        faults: faults(),
        bounds,
        run_time,
        concurrency: Some(1),
        ..Default::default()
    };
    let gateway = Gateway::with(options).await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = inputs(&tenant.upload().await, "x");

    let first = tenant.submit(&inputs).await;
    let second = tenant.submit(&inputs).await;

    let prediction = tenant.ended(&second).await;
    assert_eq!(
        (&prediction["status"], &prediction["reason"]),
        (&json!("timeout"), &json!("fair_queue_timeout"))
    );
    assert_eq!(tenant.ended(&first).await["status"], "completed");
    assert_eq!(tenant.balance_usd().await, 0.92);
    every_slot_is_free(&gateway, &tenant, 1).await;
    gateway.stop().await;
}

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
