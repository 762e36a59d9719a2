//! `/metrics` tells what the core counts, by the names that Prometheus expects.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::time::Duration;

use fluxgate_core::metric::{self, MetricKind};
use fluxgate_core::series;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_lambda::CLOUDWATCH_METRICS;
use fluxgate_local::server::{OWN_METRICS, PROCESS_METRICS};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{free_address, quick};
use fluxgate_tests::{
    FluxgateProcess, Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually, process,
};

async fn text(gateway: &Gateway) -> String {
    gateway.metrics().await
}

/// The metrics that have this line above them, `HELP` or `TYPE`.
fn named(text: &str, line: &str) -> BTreeSet<String> {
    let head = format!("# {line} ");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&head));
    lines
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn what_the_core_counts_is_told_after_a_task_that_completed_and_one_that_failed() {
    let (gateway, receiver) = (Gateway::start().await, LiveReceiver::start().await);
    let tenant = gateway.tenant("acme", "1").await;
    tenant.endpoint(&receiver.url("events")).await;
    let inputs = tenant.inputs().await;

    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;
    receiver.about(&task, 1).await;
    gateway.emulator.set_faults(Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    });
    tenant.ended(&tenant.submit(&inputs).await).await;

    let all = every_name();
    let told = eventually("every metric is told", async || {
        let text = text(&gateway).await;
        let seen = ["{reason=\"model_failed\"} 1", "{stage=\"callback\""];
        let is_counted = seen.iter().all(|seen| text.contains(seen));
        (is_counted && named(&text, "TYPE") == all).then_some(text)
    })
    .await;
    assert_eq!(named(&told, "HELP"), all, "{told}");
    for line in [
        "fluxgate_submits_total 2",
        "fluxgate_captured_micro_usd_total 80000",
        "fluxgate_archive_duration_seconds_count 1",
        "fluxgate_account_refusals_total 0",
        "fluxgate_stuck_tasks 0",
        "fluxgate_callback_attempts_total{outcome=\"failed\"} 0",
        "fluxgate_held_micro_usd 0",
        "fluxgate_accounts 1",
        "fluxgate_dead_letters{lane=\"archive\"} 0",
        "fluxgate_task_ends_total{state=\"failed\",model=\"wavespeed-ai/flux-kontext-max\"} 1",
        "fluxgate_tasks{state=\"submitting\",model=\"wavespeed-ai/flux-kontext-max\"} 0",
        "fluxgate_provider_requests_total{operation=\"submit\",outcome=\"ok\"} 2",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}: {told}");
    }
    for stage in ["submit", "run", "copy", "callback", "task"] {
        let count = format!("fluxgate_stage_duration_seconds_count{{stage=\"{stage}\"}} ");
        assert!(told.contains(&count), "{count}: {told}");
    }
    assert!(!told.contains("acme"), "a label names a tenant: {told}");
}

/// What may stand on `/metrics`.
pub(crate) fn every_name() -> BTreeSet<String> {
    let of_core = metric::ALL.iter().map(|metric| metric.name);
    let of_labels = series::ALL.iter().map(|series| series.name);
    let own = OWN_METRICS.iter().map(|(name, _, _)| *name);
    let names = of_core.chain(of_labels).chain(own).chain(PROCESS_METRICS);
    names.map(str::to_owned).collect()
}

/// A refusal was counted for each caller who was told of it, though one call was made.
#[tokio::test]
async fn only_calls_of_the_provider_that_are_made_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let run = |args: &[&str]| process::run(&[args, &["--data", &data]].concat());
    assert!(run(&["tenants", "add", "acme"]).status.success());
    let token = String::from_utf8(run(&["token", "acme"]).stdout).unwrap();
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let place = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    let args = [
        &place[..],
        &["--open-metrics", "--provider", "http://127.0.0.1:1"],
    ]
    .concat();
    let key = [("WAVESPEED_API_KEY", "x")];
    let _served = FluxgateProcess::serve(&args, &key, &base_url).await;
    let tenant = TestTenant::new("acme".parse().unwrap(), &base_url, token.trim().to_owned());

    let asks = (0..20).map(|_| tenant.get("/api/v3/models"));
    for answer in futures::future::join_all(asks).await {
        assert_eq!(answer.status, 503);
    }

    let told = reqwest::get(format!("{base_url}/metrics")).await.unwrap();
    let told = told.text().await.unwrap();
    let made = "fluxgate_provider_requests_total{operation=\"catalogue\",outcome=\"connection\"} ";
    let made = value(&told, made);
    assert!((1.0..20.0).contains(&made), "{told}");
    assert_eq!(
        value(&told, "fluxgate_provider_calls_total "),
        made,
        "{told}"
    );
    assert_eq!(
        value(&told, "fluxgate_provider_failures_total "),
        made,
        "{told}"
    );
}

/// The value of the line that begins so.
fn value(text: &str, line: &str) -> f64 {
    let mut lines = text.lines().filter_map(|told| told.strip_prefix(line));
    lines
        .next()
        .map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn tasks_that_wait_are_told_by_state_with_their_jobs_and_their_money_also_after_a_restart() {
    let gateway = Gateway::with(GatewayOptions {
        run_time: Duration::from_secs(600),
        webhooks: false,
        bounds: BoundsSettings {
            watch_first_ms: Some(600_000),
            ..quick()
        },
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    for _ in 0..3 {
        tenant.submit(&inputs).await;
    }

    let waits = "fluxgate_tasks{state=\"submitted\",model=\"wavespeed-ai/flux-kontext-max\"}";
    let told = eventually("the queue was read anew", async || {
        let told = text(&gateway).await;
        (value(&told, "fluxgate_queue_jobs{lane=\"watch\"}") >= 3.0).then_some(told)
    })
    .await;
    let live = gateway.server.folder().store.live_tasks().await.unwrap();

    assert_eq!(value(&told, waits), 3.0, "{told}");
    assert_eq!(value(&told, "fluxgate_held_micro_usd"), 240_000.0);
    assert_eq!(value(&told, "fluxgate_available_micro_usd"), 760_000.0);
    assert_eq!(value(&told, "fluxgate_account_tasks_in_flight"), 3.0);
    assert_eq!(value(&told, "fluxgate_queue_due_jobs{lane=\"watch\"}"), 0.0);
    assert_eq!(live.len(), 1, "a start would count them so: {live:?}");
    let live = (live[0].state.as_str(), live[0].tasks);
    assert_eq!(live, ("submitted", 3));
}

#[tokio::test]
async fn a_listener_of_its_own_tells_metrics_without_a_token_and_nothing_else() {
    let gateway = Gateway::with(GatewayOptions {
        metrics_listen: Some(([127, 0, 0, 1], 0).into()),
        ..GatewayOptions::default()
    })
    .await;
    let url = gateway.server.metrics_url().unwrap();
    let get = async |url: &str| gateway.http().get(url).send().await.unwrap();

    let scraped = get(&url).await;
    let health = get(&url.replace("/metrics", "/healthz")).await;
    let without_token = get(&gateway.url("/metrics")).await;

    assert_eq!(scraped.status(), 200);
    assert!(
        scraped
            .text()
            .await
            .unwrap()
            .contains("process_cpu_seconds_total ")
    );
    assert_eq!(health.status(), 404);
    assert_eq!(without_token.status(), 401);
    gateway.stop().await;
}

#[test]
fn a_taken_port_for_metrics_is_told_with_the_flag_that_chooses_another() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let listen = free_address().to_string();

    let args = ["serve", "--data", data, "--listen", &listen];
    let run = process::run(&[&args[..], &["--metrics-listen", &taken]].concat());

    let said = String::from_utf8(run.stderr).unwrap();
    assert!(!run.status.success(), "{said}");
    let expected = format!("cannot listen for metrics on {taken}; choose another address");
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn the_guide_lists_every_metric_by_both_its_names() {
    let guide = include_str!("../../../shared/docs/guides/production.md");

    for told in &CLOUDWATCH_METRICS {
        let (metric, name) = (told.metric, told.name);
        let row = match metric.label {
            Some(label) => format!("| `{}` by `{label}` | `{name}`", metric.name),
            None => format!("| `{}` | `{name}`", metric.name),
        };
        assert!(guide.contains(&row), "{row}");
    }
    for name in every_name() {
        let is_listed = guide.contains(&format!("`{name}`"));
        assert!(is_listed || name.starts_with("process_"), "{name}");
    }
}

#[test]
fn metrics_are_named_as_prometheus_has_them_and_described() {
    for metric in metric::ALL {
        let name = metric.name;
        assert!(name.starts_with("fluxgate_"), "{name}");
        assert_eq!(
            name.ends_with("_total"),
            metric.kind == MetricKind::Counter,
            "{name}"
        );
        assert!(metric.help.ends_with('.'), "{name}: {}", metric.help);
    }
    let of_labels = series::ALL.iter().map(|it| (it.name, it.kind, it.help));
    for (name, kind, help) in of_labels.chain(OWN_METRICS) {
        assert!(
            name.starts_with("fluxgate_") && help.ends_with('.'),
            "{name}"
        );
        assert_eq!(name.ends_with("_total"), kind == MetricKind::Counter);
        let is_timed = kind == MetricKind::Histogram;
        assert!(!is_timed || name.ends_with("_seconds"), "{name}");
    }
}
