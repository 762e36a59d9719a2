//! One trace through everything that is done for a task.

use std::fs::{self, File};

use fluxgate_core::id::TenantId;
use fluxgate_emulator::{DEMO_PHOTO, Emulator, Fault, Faults};
use fluxgate_tests::gateway::{emulator_config, free_address, quick};
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{
    FluxgateProcess, Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually, process,
};
use serde_json::{Value, json};

use super::deliveries::{act, found};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";
const STATE: &str = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE";

fn sent() -> [(&'static str, String); 2] {
    let parent = format!("00-{TRACE}-{CALLER}-01");
    [("traceparent", parent), ("tracestate", STATE.to_owned())]
}

async fn submit(tenant: &TestTenant, inputs: &Value, headers: &[(&str, String)]) -> Answer {
    let url = tenant.url(&format!("/api/v3/{MODEL}"));
    let mut request = tenant.http().post(url).json(inputs);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let answer = tenant.send(request).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer
}

/// An input that is uploaded for the task.
fn inline() -> Value {
    use base64::Engine as _;
    let picture = base64::engine::general_purpose::STANDARD.encode(DEMO_PHOTO);
    json!({ "prompt": "x", "image": format!("data:image/jpeg;base64,{picture}") })
}

/// The parts of a `traceparent`.
fn parts(traceparent: &str) -> [String; 4] {
    let parts: Vec<String> = traceparent.split('-').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

async fn trace_id(tenant: &TestTenant, task: &str) -> String {
    let timeline = tenant.timeline(task).await;
    timeline["trace_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_client_s_trace_is_at_the_provider_at_the_copy_and_at_every_callback() {
    // The run is found by polling, so that polls are seen too.
    let gateway = Gateway::with(GatewayOptions {
        webhooks: false,
        bounds: quick(),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("endpoint")).await;
    receiver.answer(&[500]);
    let mut inputs = inline();
    inputs["webhook_url"] = receiver.url("task").into();

    let task = submit(&tenant, &inputs, &sent()).await.text("/data/id");
    // Two first attempts, one of them failed, and its second.
    receiver.about(&task, 3).await;
    let query = format!("task={task}&state=delivered");
    let delivered = found(&tenant, &query).await;
    assert_eq!(act(&tenant, &delivered, "replay").await.0, 202);
    let callbacks = receiver.about(&task, 4).await;

    let mut parents = vec![CALLER.to_owned()];
    let mut check = |what: &str, traceparent: &str, tracestate: Option<&str>| {
        let [version, trace, parent, flags] = parts(traceparent);
        assert_eq!(
            (version.as_str(), trace.as_str(), flags.as_str()),
            ("00", TRACE, "01"),
            "{what}"
        );
        assert_eq!(tracestate, Some(STATE), "{what}");
        assert!(!parents.contains(&parent), "{what}: {parent} again");
        parents.push(parent);
    };
    let calls = gateway.emulator.traces();
    for call in &calls {
        check(&call.path, &call.traceparent, call.tracestate.as_deref());
    }
    for callback in &callbacks {
        let state = callback.header("tracestate");
        check(&callback.path, callback.header("traceparent"), Some(state));
    }
    let seen = |what: &str| calls.iter().any(|call| call.path.contains(what));
    for what in ["/media/upload/binary", MODEL, "/result", "/outputs/"] {
        assert!(seen(what), "{what} has no trace: {calls:?}");
    }
    assert_eq!(trace_id(&tenant, &task).await, TRACE);
}

#[tokio::test]
async fn a_task_without_a_usable_trace_begins_one_of_its_own() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("all")).await;
    let inputs = tenant.inputs().await;
    let odd = |parent: &str| {
        let state = ("tracestate", STATE.to_owned());
        vec![("traceparent", parent.to_owned()), state]
    };
    let twice = [sent(), sent()].concat();
    let sent = [
        vec![],
        odd("00-x"),
        odd(&format!("00-{}-{CALLER}-01", "0".repeat(32))),
        odd(&format!("ff-{TRACE}-{CALLER}-01")),
        odd(&format!("00-{}-{CALLER}-01", TRACE.to_uppercase())),
        twice,
    ];

    let mut ids = vec![TRACE.to_owned()];
    for headers in &sent {
        let task = submit(&tenant, &inputs, headers).await.text("/data/id");
        let told = receiver.about(&task, 1).await.remove(0);
        let [_, trace, _, flags] = parts(told.header("traceparent"));

        assert_eq!(trace_id(&tenant, &task).await, trace);
        assert_eq!((told.header("tracestate"), flags.as_str()), ("", "01"));
        assert!(!ids.contains(&trace), "{trace} is another's");
        ids.push(trace);
    }
    let calls = gateway.emulator.traces();
    for trace in &ids[1..] {
        let at_provider = calls.iter().filter(|call| call.traceparent.contains(trace));
        assert!(at_provider.count() >= 2, "a submit and a copy");
    }
}

#[tokio::test]
async fn a_key_used_again_names_its_task_whatever_trace_comes_with_it() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let with_key = |trace: &str| {
        let parent = format!("00-{trace}-{CALLER}-00");
        vec![("idempotency-key", "k".to_owned()), ("traceparent", parent)]
    };

    let first = submit(&tenant, &inputs, &with_key(TRACE)).await;
    let again = submit(&tenant, &inputs, &with_key(&"a".repeat(32))).await;

    let task = first.text("/data/id");
    assert_eq!(again.text("/data/id"), task);
    assert_eq!(trace_id(&tenant, &task).await, TRACE);
}

#[tokio::test]
async fn a_state_that_is_too_long_is_dropped_and_its_trace_goes_on() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("all")).await;
    let inputs = tenant.inputs().await;
    let [parent, _] = sent();
    let long = ("tracestate", format!("a={}", "x".repeat(511)));

    let task = submit(&tenant, &inputs, &[parent, long]).await;
    let task = task.text("/data/id");
    let told = receiver.about(&task, 1).await.remove(0);

    assert_eq!(parts(told.header("traceparent"))[1], TRACE);
    assert!(!told.headers.contains_key("tracestate"));
}

#[tokio::test]
async fn an_event_without_a_task_has_a_trace_of_its_own() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let other = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("broken")).await;
    let body = json!({ "url": other.url("told"), "event_types": ["delivery.exhausted"] });
    tenant.created_endpoint(&body).await;
    receiver.answer(&[500; 5]);
    other.answer(&[500]);
    let inputs = tenant.inputs().await;

    submit(&tenant, &inputs, &sent()).await;
    let told = other.at("told", 2).await;

    let traces: Vec<[String; 4]> = told
        .iter()
        .map(|one| parts(one.header("traceparent")))
        .collect();
    assert_eq!(traces[0][1], traces[1][1], "both attempts");
    assert_ne!(traces[0][2], traces[1][2]);
    assert_ne!(traces[0][1], TRACE);
    assert!(told[0].header("webhook-id").contains(&traces[0][1]));
}

#[tokio::test]
async fn an_endpoint_cannot_send_another_trace() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    for name in ["traceparent", "Tracestate"] {
        let body = json!({ "url": "http://127.0.0.1:9/x", "headers": { name: "a=b" } });
        let refused = tenant.post("/v1/endpoints", &body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code")),
            (400, "invalid_header".to_owned())
        );
    }
}

/// What `fluxgate serve` logs, and a tenant of its folder.
pub(crate) struct Serving {
    pub(crate) tenant: TestTenant,
    pub(crate) log: std::path::PathBuf,
    _process: FluxgateProcess,
    _folder: tempfile::TempDir,
}

pub(crate) async fn serving(emulator: &Emulator) -> Serving {
    serving_with(emulator, &[]).await
}

/// The same with more flags.
pub(crate) async fn serving_with(emulator: &Emulator, flags: &[&str]) -> Serving {
    let folder = tempfile::tempdir().unwrap();
    let (data, log) = (folder.path().join("data"), folder.path().join("log"));
    let data = data.to_str().unwrap();
    let added = process::run(&["tenants", "add", "acme", "--data", data]);
    assert!(added.status.success());
    let listen = free_address().to_string();
    let base_url = format!("http://{listen}");
    let provider = emulator.base_url();
    let mut args = vec!["--data", data, "--listen", &listen, "--provider", &provider];
    args.extend(["--s3-listen", "127.0.0.1:0", "--allow-net", "127.0.0.0/8"]);
    args.extend(["--public-url", &base_url]);
    args.extend(flags);
    let env = [
        ("WAVESPEED_API_KEY", emulator.api_key()),
        ("FLUXGATE_BOUNDS__CALLBACK_SCHEDULE_MS", "[100]"),
        ("FLUXGATE_BOUNDS__WATCH_FIRST_MS", "500"),
        ("FLUXGATE_BOUNDS__WAKE_FIRST_MS", "200"),
        ("FLUXGATE_BOUNDS__SUBMIT_TIMEOUT_MS", "1500"),
    ];
    let stderr = File::create(&log).unwrap().into();
    let process = FluxgateProcess::serve_saying(&args, &env, &base_url, stderr).await;
    let token = process::run(&["token", "acme", "--data", data]).stdout;
    let token = String::from_utf8(token).unwrap().trim().to_owned();
    Serving {
        tenant: TestTenant::new(TenantId::parse("acme").unwrap(), &base_url, token),
        log,
        _process: process,
        _folder: folder,
    }
}

impl Serving {
    /// All that it has logged.
    pub(crate) fn text(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// The line with this text, once it is there.
    pub(crate) async fn line(&self, text: &str) -> Value {
        eventually(&format!("a log line with '{text}'"), || async {
            let log = self.text();
            let line = log.lines().find(|line| line.contains(text))?;
            serde_json::from_str(line).ok()
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_log_line_of_a_task_names_its_trace() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("broken")).await;
    let inputs = tenant.inputs().await;
    receiver.answer(&[500; 4]);
    emulator.set_faults(Faults {
        webhook_bad_signature: Fault::Always,
        result_500: Fault::Times(1),
        truncated_output: Fault::Times(1),
        ..Faults::default()
    });

    let task = submit(tenant, &inputs, &sent()).await.text("/data/id");

    for (text, whose) in [
        ("webhook refused", "request"),
        ("\"lane\":\"watch\"", "job"),
        ("\"lane\":\"archive\"", "job"),
        ("delivery exhausted", "job"),
    ] {
        let span = &serving.line(text).await["span"];
        assert_eq!(
            (&span["name"], &span["trace_id"], &span["task.id"]),
            (&json!(whose), &json!(TRACE), &json!(task)),
            "{text}"
        );
    }

    // One that comes without a trace.
    emulator.set_faults(Faults {
        error_500_after_accept: Fault::Times(1),
        ..Faults::default()
    });
    let task = submit(tenant, &inputs, &[]).await.text("/data/id");
    let line = serving.line("ambiguous answer to a submit").await;
    assert_eq!(line["span"]["trace_id"], task);
    assert_eq!(line["span"]["task.id"], task);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_names_the_trace_that_it_came_with() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    emulator.set_faults(Faults {
        account_status: 401,
        ..Faults::default()
    });
    let ticket = json!({ "filename": "a.png", "size": 1 });

    let url = serving.tenant.url("/api/v3/media/uploads");
    let mut request = serving.tenant.http().post(url).json(&ticket);
    for (name, value) in sent() {
        request = request.header(name, value);
    }
    let answer = serving.tenant.send(request).await;

    assert_eq!(answer.status, 503, "{:?}", answer.body);
    let line = serving.line("request failed").await;
    assert_eq!(line["span"]["trace_id"], TRACE, "{line}");
}
