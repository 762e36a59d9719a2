//! Spans and metrics at an OpenTelemetry collector, and one that hangs.

use std::time::{Duration, Instant};

use fluxgate_emulator::Emulator;
use fluxgate_tests::collector::{Collector, SentSpan};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{FluxgateProcess, LiveReceiver, TestTenant, eventually, process};
use serde_json::Value;
use tempfile::TempDir;

use super::crash::install;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A gateway that sends to this collector, and its tenant.
struct Sending {
    process: FluxgateProcess,
    tenant: TestTenant,
    _emulator: Emulator,
    _folder: TempDir,
}

async fn sending_to(url: &str, env: &[(&str, &str)]) -> Sending {
    let folder = tempfile::tempdir().unwrap();
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let installation = install(folder.path(), &emulator);
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let added = process::run(&["tenants", "add", "acme", "--balance", "100", "--data", data]);
    assert!(added.status.success(), "{added:?}");
    let token = process::run(&["token", "acme", "--data", data]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    let ours = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=images"),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "200"),
    ];
    let process = installation.start_with(&[&ours[..], env].concat()).await;
    let tenant = TestTenant::new("acme".parse().unwrap(), &installation.base_url, token);
    Sending {
        process,
        tenant,
        _emulator: emulator,
        _folder: folder,
    }
}

async fn submit(tenant: &TestTenant, inputs: &Value, traceparent: Option<String>) -> String {
    let url = tenant.url(&format!("/api/v3/{MODEL}"));
    let mut request = tenant.http().post(url).json(inputs);
    request = request.header("x-request-id", "the-request");
    if let Some(traceparent) = traceparent {
        request = request.header("traceparent", traceparent);
    }
    let answer = tenant.send(request).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.text("/data/id")
}

/// The spans of a trace, once there is one of each of these names.
async fn spans_of(collector: &Collector, trace: &str, names: &[&str]) -> Vec<SentSpan> {
    eventually(&format!("{names:?} of {trace}"), async || {
        let spans = collector.spans().into_iter();
        let spans: Vec<_> = spans.filter(|span| span.trace_id == trace).collect();
        let has = |name: &&str| spans.iter().any(|span| span.name == *name);
        names.iter().all(has).then_some(spans)
    })
    .await
}

fn one<'a>(spans: &'a [SentSpan], name: &str) -> &'a SentSpan {
    let mut named = spans.iter().filter(|span| span.name.starts_with(name));
    named
        .next()
        .unwrap_or_else(|| panic!("no {name}: {spans:#?}"))
}

const STEPS: [&str; 4] = [
    "provider submit",
    "copy output",
    "process notify",
    "send callback",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_s_spans_are_one_trace_from_its_submit_to_its_callback_and_hold_no_secret() {
    let collector = Collector::start().await;
    let sending = sending_to(&collector.url, &[("OTEL_SERVICE_NAME", "images")]).await;
    let (tenant, receiver) = (&sending.tenant, LiveReceiver::start().await);
    tenant.endpoint(&receiver.url("a-secret-path")).await;
    let mut inputs = tenant.inputs().await;
    inputs["prompt"] = "a prompt of its own".into();

    let caller = format!("00-{TRACE}-{CALLER}-01");
    let traced = submit(tenant, &inputs, Some(caller)).await;
    let alone = submit(tenant, &inputs, None).await;
    let of_caller = spans_of(&collector, TRACE, &STEPS).await;
    let of_task = spans_of(&collector, &alone, &STEPS).await;
    let told = receiver.about(&traced, 1).await;

    let request = one(&of_caller, "POST");
    assert_eq!(request.parent_id, CALLER);
    assert_eq!(request.attributes["task.id"], traced);
    assert_eq!(request.attributes["request.id"], "the-request");
    assert_eq!(request.attributes["http.request.method"], "POST");
    assert_eq!(request.resource["service.name"], "images");
    let provider = one(&of_caller, "provider submit");
    assert_eq!(provider.parent_id, request.span_id);
    assert_eq!(provider.attributes["http.response.status_code"], "200");
    let (job, callback) = (
        one(&of_caller, "process notify"),
        one(&of_caller, "send callback"),
    );
    assert_eq!(
        (&job.parent_id[..], &callback.parent_id),
        (CALLER, &job.span_id)
    );
    let told = told[0].headers["traceparent"].to_str().unwrap().to_owned();
    assert_eq!(told, format!("00-{TRACE}-{}-01", callback.span_id));

    let first = one(&of_task, "POST");
    assert_eq!(
        (&first.span_id[..], &first.parent_id[..]),
        (&alone[16..], "")
    );
    assert_eq!(one(&of_task, "process notify").parent_id, first.span_id);
    assert_eq!(collector.header("x-team").as_deref(), Some("images"));
    for secret in [
        "a-secret-path",
        "a prompt of its own",
        "/hooks/acme/",
        "X-Amz-Signature",
    ] {
        assert!(!collector.was_told(secret), "{secret}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_come_by_their_names_and_a_caller_that_records_nothing_is_followed() {
    let collector = Collector::start().await;
    let sending = sending_to(&collector.url, &[]).await;
    let tenant = &sending.tenant;
    let inputs = tenant.inputs().await;

    let unrecorded = format!("00-{TRACE}-{CALLER}-00");
    tenant
        .ended(&submit(tenant, &inputs, Some(unrecorded)).await)
        .await;
    let recorded = submit(tenant, &inputs, None).await;
    spans_of(&collector, &recorded, &STEPS[..2]).await;
    eventually("metrics of all kinds", async || {
        let names = collector.metrics();
        let has = |name: &str| names.iter().any(|known| known == name);
        (has("fluxgate_submits_total")
            && has("fluxgate_tasks")
            && has("fluxgate_queue_jobs")
            && has("fluxgate_stage_duration_seconds"))
        .then_some(())
    })
    .await;
    assert_eq!(sending.process.terminate(), Some(0));

    let of_caller = collector
        .spans()
        .into_iter()
        .filter(|span| span.trace_id == TRACE);
    assert_eq!(of_caller.count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_hangs_delays_neither_submits_nor_the_end_of_the_process() {
    let url = Collector::hanging().await;
    let sending = sending_to(&url, &[]).await;
    let tenant = &sending.tenant;
    let inputs = tenant.inputs().await;

    let mut tasks = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        tasks.push(submit(tenant, &inputs, None).await);
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(5),
            "{took:?}, with a time-out of 10 s"
        );
    }
    for task in &tasks {
        tenant.ended(task).await;
    }
    let began = Instant::now();
    let code = sending.process.terminate();

    assert_eq!(code, Some(0));
    let took = began.elapsed();
    assert!(
        took < Duration::from_secs(6),
        "{took:?}: 2 s of these for the collector"
    );
}
