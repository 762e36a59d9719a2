//! `/metrics` tells what the core counts, by the names that Prometheus expects.

use std::collections::BTreeSet;

use fluxgate_core::metric::{self, MetricKind};
use fluxgate_emulator::{Fault, Faults};
use fluxgate_lambda::CLOUDWATCH_METRICS;
use fluxgate_tests::{Gateway, LiveReceiver, eventually};

async fn text(gateway: &Gateway) -> String {
    let answer = gateway.http().get(gateway.url("/metrics")).send().await;
    answer.unwrap().text().await.unwrap()
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

    let all: BTreeSet<String> = metric::ALL
        .iter()
        .map(|metric| metric.name.to_owned())
        .chain(["fluxgate_commits_total".to_owned()])
        .collect();
    let told = eventually("every metric is told", async || {
        let text = text(&gateway).await;
        (named(&text, "TYPE") == all).then_some(text)
    })
    .await;
    assert_eq!(named(&told, "HELP"), all, "{told}");
    for line in [
        "fluxgate_submits_total 2",
        "fluxgate_captured_micro_usd_total 80000",
        "fluxgate_archive_duration_seconds_count 1",
        "fluxgate_account_refusals_total 0",
        "fluxgate_stuck_tasks 0",
        "fluxgate_held_micro_usd 0",
    ] {
        assert!(told.lines().any(|told| told == line), "{line}: {told}");
    }
    assert!(!told.contains("acme"), "a label names a tenant: {told}");
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
}
