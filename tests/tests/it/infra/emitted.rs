//! What the functions really tell while they work, against what alarms wait for, and the lines that
//! they log.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::stack::Stack;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{LiveReceiver, TestTenant, process};
use serde_json::{Value, json};

use super::observed::{Metric, awaited, counted};
use super::root;

/// Each takes hours of failing, or a table that fails.
const NOT_PROVOKED: [&str; 2] = ["DeliveriesExhausted", "JobsUnsettled"];
const REQUEST_ID: &str = "order-7";

/// CloudWatch Logs Insights as the AWS CLI asks it: lines that have what the query compares with.
const AWS: &str = r#"#!/usr/bin/env bash
while [ $# -gt 0 ]; do
  case "$1" in
    --query-string) sed 's/.*filter span[.a-z_]* = "\([^"]*\)".*/\1/' <<<"$2" ;;
    --query-id) grep -F "$2" "$LINES" | jq -Rn '{status: "Complete", results: [inputs |
      [{field: "@timestamp", value: "2026-01-01 00:00:00.000"}, {field: "@message", value: .}]]}' ;;
  esac
  shift
done
"#;

/// What the operator's script says of an id, with the functions' lines on CloudWatch.
fn found(stack: &Stack, id: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let (aws, lines) = (folder.path().join("aws"), folder.path().join("lines"));
    std::fs::write(&aws, AWS).unwrap();
    std::fs::set_permissions(&aws, Permissions::from_mode(0o755)).unwrap();
    let mut logs = String::new();
    for function in stack.functions() {
        logs += &function.log();
    }
    std::fs::write(&lines, logs).unwrap();
    let commands = process::binary().parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{}:{path}", folder.path().display(), commands.display());

    let output = Command::new(root().join("infra/trace"))
        .args([id, "--json"])
        .envs([("PATH", path.as_str()), ("LINES", lines.to_str().unwrap())])
        .output()
        .unwrap();

    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A task whose submit is in doubt, then one that the provider refuses, and a sweep.
async fn work(stack: &Stack, tenant: &TestTenant, receiver: &LiveReceiver) -> String {
    let inputs = tenant.inputs().await;
    stack.emulator.set_faults(Faults {
        error_500_after_accept: Fault::Times(1),
        ..Faults::default()
    });
    let submit = tenant.http().post(tenant.url(&format!("/api/v3/{MODEL}")));
    let submit = submit.header("x-request-id", REQUEST_ID).json(&inputs);
    let task = tenant.send(submit).await.text("/data/id");
    tenant.ended(&task).await;
    receiver.about(&task, 1).await;
    stack.emulator.set_faults(Faults {
        account_status: 401,
        ..Faults::default()
    });
    tenant.submit(&inputs).await;
    let ticket = json!({ "filename": "a.png", "size": 1 });
    let refused = tenant.post("/api/v3/media/uploads", &ticket).await;
    assert_eq!(refused.status, 503, "{:?}", refused.body);
    let swept = stack.function("sweeper").invoke(json!({})).await;
    assert!(swept.is_ok(), "{swept:?}");
    task
}

fn lines(stack: &Stack, function: &str) -> Vec<Value> {
    let log = stack.function(function).log();
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines.collect()
}

/// The metrics that a line tells, by the format's own directives.
fn told(line: &Value) -> Vec<Metric> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array();
    let mut told = Vec::new();
    for directive in directives.into_iter().flatten() {
        assert_eq!(directive["Namespace"], "Fluxgate");
        for dimensions in directive["Dimensions"].as_array().unwrap() {
            let names: BTreeSet<String> = serde_json::from_value(dimensions.clone()).unwrap();
            for name in &names {
                assert!(line[name].is_string(), "{name} has no value: {line}");
            }
            for metric in directive["Metrics"].as_array().unwrap() {
                let name = metric["Name"].as_str().unwrap();
                assert!(!line[name].is_null(), "{name} has no value: {line}");
                told.push((name.to_owned(), names.clone()));
            }
        }
        assert_eq!(line["Stack"], "fluxgate", "{line}");
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_wait_for_what_the_functions_tell_and_a_request_id_finds_its_task_and_its_jobs() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "10").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("told")).await;

    let task = work(&stack, &tenant, &receiver).await;

    let all = stack
        .functions()
        .flat_map(|function| lines(&stack, function.name()));
    let told: BTreeSet<Metric> = all.flat_map(|line| told(&line)).collect();
    let counted = counted();
    assert!(told.is_subset(&counted), "{:?}", told.difference(&counted));
    for (alarm, metric) in awaited() {
        let is_told = told.contains(&metric) || NOT_PROVOKED.contains(&metric.0.as_str());
        assert!(is_told, "{alarm} waits for {metric:?}: {told:?}");
    }

    let line = |function: &str, target: &str, field: &str, value: &str| {
        let mut lines = lines(&stack, function).into_iter();
        let found = lines.find(|line| line["target"] == target && line["span"][field] == value);
        found.unwrap_or_else(|| panic!("{function} has no line of {value}"))
    };
    let request = line("gateway", "fluxgate::request", "request.id", REQUEST_ID);
    assert_eq!(request["span"]["task.id"], task, "{request}");
    assert_eq!(request["span"]["tenant.id"], "acme", "{request}");
    assert_eq!(request["http.status"], 200, "{request}");
    let webhook = line("receiver", "fluxgate::request", "task.id", &task);
    assert_eq!(webhook["span"]["http.path"], "/hooks/…", "{webhook}");
    for (function, lane) in [("archiver", "archive"), ("notifier", "notify")] {
        let job = line(function, "fluxgate::job", "task.id", &task);
        assert_eq!(job["span"]["lane"], lane, "{job}");
        assert_eq!(job["span"]["outcome"], "done", "{job}");
        assert_eq!(job["span"]["trace_id"], task, "{job}");
        assert!(job["duration_ms"].is_u64(), "{job}");
    }

    let found = found(&stack, REQUEST_ID);
    assert_eq!(found["tasks"], json!([task]), "{found}");
    assert_eq!(found["tenant"], "acme", "{found}");
    let fault = found["fault"].as_str().unwrap_or_default();
    assert!(fault.starts_with("ambiguous answer to a submit"), "{found}");
}
