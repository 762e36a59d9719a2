//! The provider's account is limited: tasks over the limit wait as `created`, and one tenant's
//! burst does not delay another tenant.

mod restarts;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use fluxgate_emulator::{Emulator, Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
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
    // Up to one slot count of tasks may go while it is submitted, another may have been called
    // before, and another may go before it asks.
    assert!(
        position - before <= 3 * CONCURRENCY,
        "{} of the burst went before it",
        position - before
    );
    assert!(
        before + 4 * CONCURRENCY < BURST,
        "the burst was nearly over, so the test proves nothing"
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

    assert!(deferred > 0, "no submit was deferred");
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
