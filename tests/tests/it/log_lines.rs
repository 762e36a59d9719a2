//! One line for each request and each job, found by the `x-request-id` that a tenant quotes.

use fluxgate_emulator::{Emulator, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{LiveReceiver, TestTenant, eventually, process};
use serde_json::{Value, json};

use super::tracing::{Serving, serving, serving_with};

pub(super) const REQUEST_ID: &str = "order-7";
const PROMPT: &str = "a prompt that is nobody else's business";

pub(super) async fn submit(tenant: &TestTenant, inputs: &Value) -> Answer {
    let url = tenant.url(&format!("/api/v3/{MODEL}"));
    let request = tenant.http().post(url).json(inputs);
    tenant
        .send(request.header("x-request-id", REQUEST_ID))
        .await
}

/// The lines of this target whose span has this value there.
pub(super) fn lines_of(log: &str, target: &str, field: &str, value: &str) -> Vec<Value> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    lines
        .filter(|line: &Value| line["target"] == target && line["span"][field] == value)
        .collect()
}

pub(super) async fn request_line(serving: &Serving, id: &str) -> Value {
    eventually("the request's line", || async {
        let lines = lines_of(&serving.text(), "fluxgate::request", "request.id", id);
        assert!(lines.len() < 2, "{lines:?}");
        lines.into_iter().next()
    })
    .await
}

/// The first lines and the last were text, which whoever collects JSON threw away.
#[tokio::test]
async fn every_line_of_a_json_log_is_json_from_the_first_to_the_last_whatever_its_filter() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data").to_str().unwrap().to_owned();
    let log = folder.path().join("log");
    let listen = fluxgate_tests::gateway::free_address().to_string();
    let style = ["--log-format", "json", "--log", "error"];
    let place = [
        "--data",
        &data,
        "--listen",
        &listen,
        "--s3-listen",
        "127.0.0.1:0",
    ];
    let args = [&place[..], &style].concat();
    let said = std::fs::File::create(&log).unwrap();
    let base_url = format!("http://{listen}");
    let served =
        fluxgate_tests::FluxgateProcess::serve_saying(&args, &[], &base_url, said.into()).await;

    let second = process::run(&[&["serve"], &args[..]].concat());
    assert_eq!(served.terminate(), Some(0));

    let log = std::fs::read_to_string(log).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect();
    let message = |line: &Value| line["message"].as_str().unwrap().to_owned();
    assert!(
        message(&lines[0]).starts_with("fluxgate serves http"),
        "{log}"
    );
    assert!(
        message(lines.last().unwrap()).starts_with("stopping"),
        "{log}"
    );
    assert!(
        lines
            .iter()
            .all(|line| line["timestamp"].is_string() && line["level"] == "INFO")
    );
    let refused = String::from_utf8(second.stderr).unwrap();
    let refused: Value = serde_json::from_str(&refused).unwrap_or_else(|_| panic!("{refused}"));
    assert_eq!(refused["level"], "ERROR", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_finds_its_line_its_task_and_every_job_of_it() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("told")).await;
    let mut inputs = tenant.inputs().await;
    inputs["prompt"] = PROMPT.into();
    // The copy fails once.
    emulator.set_faults(Faults {
        truncated_output: Fault::Times(1),
        ..Faults::default()
    });

    let submitted = submit(tenant, &inputs).await;
    let task = submitted.text("/data/id");
    receiver.about(&task, 1).await;

    assert_eq!(submitted.headers["x-request-id"], REQUEST_ID);
    let line = request_line(&serving, REQUEST_ID).await;
    let span = &line["span"];
    assert_eq!(
        (&line["level"], &line["message"], &line["http.status"]),
        (&json!("INFO"), &json!("request"), &json!(200))
    );
    assert!(line["duration_ms"].is_u64(), "{line}");
    for (name, value) in [
        ("http.method", "POST"),
        ("http.path", &*format!("/api/v3/{MODEL}")),
        ("http.route", "/api/v3/{owner}/{model}"),
        ("tenant.id", "acme"),
        ("task.id", &*task),
        ("trace_id", &*task),
    ] {
        assert_eq!(span[name], value, "{name}: {line}");
    }
    // A copy that failed and one that did not, and the callback.
    let seen = eventually("the lines of the task's jobs", || async {
        let jobs = lines_of(&serving.text(), "fluxgate::job", "task.id", &task);
        let of = |lane: &str, outcome: &str| {
            let is_that =
                |line: &&Value| line["span"]["lane"] == lane && line["span"]["outcome"] == outcome;
            jobs.iter().find(is_that).cloned()
        };
        Some((
            of("archive", "failed").or_else(|| of("archive", "done"))?,
            of("notify", "done")?,
        ))
    });
    let (copied, told) = seen.await;
    for line in [copied, told] {
        assert!(line["duration_ms"].is_u64(), "{line}");
        assert_eq!(line["span"]["tenant.id"], "acme", "{line}");
        assert_eq!(line["span"]["trace_id"], task, "{line}");
        assert!(line["span"]["attempt"].as_u64() >= Some(1), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_request_tells_its_code_and_is_nobody_s_error() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let get = |path: &str, id: &'static str| {
        let request = tenant.http().get(tenant.url(path));
        request.header("x-request-id", id)
    };

    tenant.send(get("/v1/tasks?limit=0", "odd")).await;
    get("/v1/tasks?limit=1", "strange").send().await.unwrap();
    tenant.send(get("/no/such/path", "lost")).await;

    for (id, status, code, route, whose) in [
        (
            "odd",
            400,
            "invalid_parameter",
            json!("/v1/tasks"),
            json!("acme"),
        ),
        (
            "strange",
            401,
            "token_missing",
            json!("/v1/tasks"),
            Value::Null,
        ),
        ("lost", 404, "not_found", Value::Null, Value::Null),
    ] {
        let line = request_line(&serving, id).await;
        assert_eq!(line["http.status"], status, "{line}");
        assert_eq!(line["span"]["error.code"], code, "{line}");
        assert_eq!(line["span"]["http.route"], route, "{line}");
        assert_eq!(line["span"]["tenant.id"], whose, "{line}");
    }
    assert!(!serving.text().contains("ERROR"), "{}", serving.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_line_holds_a_secret_a_prompt_a_capability_or_a_signed_link() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("told?secret=of-a-url")).await;
    let mut inputs = tenant.inputs().await;
    inputs["prompt"] = PROMPT.into();
    inputs["webhook_url"] = receiver.url("task?secret=of-a-url").into();

    let task = submit(tenant, &inputs).await.text("/data/id");
    let done = tenant.ended(&task).await;
    receiver.about(&task, 2).await;
    let link = done["outputs"][0].as_str().unwrap_or_default();
    tenant.http().get(link).send().await.unwrap();
    // Beside every route: what ends in a capability is none anywhere.
    let token = "0f3c".repeat(8);
    for path in [
        "//hooks/acme/TASK/TOKEN",
        "/Hooks/acme/TASK/TOKEN",
        "/hooks%2facme%2fTASK%2fTOKEN",
        "/x/outputs/acme/TASK/0/1/TOKEN",
        "/api/v3/hooks/acme/TASK/TOKEN",
        "/hook/acme/TASK/TOKEN",
    ] {
        let path = path.replace("TASK", &task).replace("TOKEN", &token);
        let request = tenant.http().get(tenant.url(&path));
        tenant.send(request).await;
    }
    tenant
        .send(
            tenant
                .http()
                .get(tenant.url(&format!("/v1/tasks/{task}")))
                .header("x-request-id", "known"),
        )
        .await;
    let known = request_line(&serving, "known").await;
    assert_eq!(
        known["span"]["http.path"],
        format!("/v1/tasks/{task}"),
        "{known}"
    );
    request_line(&serving, REQUEST_ID).await;

    let log = serving.text();
    for (what, secret) in [
        ("the token", tenant.token.as_str()),
        ("the provider's key", emulator.api_key()),
        ("the prompt", PROMPT),
        ("a callback's URL", "of-a-url"),
        ("a signature", "X-Amz-Signature"),
        ("a capability", &format!("/hooks/acme/{task}")),
        ("a capability beside the routes", &*token),
    ] {
        assert!(!log.contains(secret), "{what} is in the log: {log}");
    }
    assert!(log.contains("/hooks/…"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_text_where_it_is_asked_for_and_kinds_of_them_can_be_left_out() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let flags = ["--log-format", "text", "--log", "info,fluxgate::job=off"];
    let serving = serving_with(&emulator, &flags).await;
    let tenant = &serving.tenant;

    let inputs = tenant.inputs().await;
    let task = submit(tenant, &inputs).await.text("/data/id");
    tenant.ended(&task).await;

    let line = eventually("the request's line", || async {
        let log = serving.text();
        let mut lines = log.lines().map(str::to_owned);
        lines.find(|line| line.contains("request.id=order-7"))
    });
    let line = line.await;
    assert!(
        line.contains("Z  INFO request http.status=200 duration_ms="),
        "{line}"
    );
    assert!(line.contains(&format!(" task.id={task}")), "{line}");
    assert!(!serving.text().contains(" INFO job "), "{}", serving.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_submit_that_was_put_off_names_why_it_goes_on_later() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let inputs = serving.tenant.inputs().await;
    assert_eq!(serving.tenant.get("/api/v3/models").await.status, 200);
    emulator.set_faults(Faults {
        account_status: 402,
        ..Faults::default()
    });
    let task = submit(&serving.tenant, &inputs).await.text("/data/id");

    let named = eventually("a job with its code", || async {
        let jobs = lines_of(&serving.text(), "fluxgate::job", "task.id", &task);
        let mut codes = jobs
            .iter()
            .filter_map(|line| line["span"]["error.code"].as_str());
        codes.next().map(str::to_owned)
    });

    assert_eq!(named.await, "service_unavailable");
    let request = request_line(&serving, REQUEST_ID).await;
    assert!(request["span"]["error.code"].is_null(), "{request}");
}
