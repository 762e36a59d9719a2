//! `fluxgate trace`: what became of a request, from the log and its `x-request-id` alone.

use fluxgate_emulator::{Emulator, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{LiveReceiver, eventually, process};
use serde_json::{Value, json};

use super::log_lines::{REQUEST_ID, lines_of, request_line, submit};
use super::tracing::serving;

#[tokio::test(flavor = "multi_thread")]
async fn one_command_finds_the_task_the_trace_and_the_fault_of_a_request_id() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("told")).await;
    emulator.set_faults(Faults {
        error_500_after_accept: Fault::Times(1),
        ..Faults::default()
    });
    let inputs = tenant.inputs().await;
    let task = submit(tenant, &inputs).await.text("/data/id");
    receiver.about(&task, 1).await;
    request_line(&serving, REQUEST_ID).await;
    let log = serving.log.to_str().unwrap();

    let text = process::run(&["trace", REQUEST_ID, "--log", log]);
    let json = process::run(&["trace", REQUEST_ID, "--log", log, "--json"]);
    let quiet = process::run(&["trace", &task, "--log", log, "--quiet"]);
    let unknown = process::run(&["trace", "order-8", "--log", log]);

    let text = String::from_utf8(text.stdout).unwrap();
    assert!(
        text.contains(&format!("fluxgate tasks show acme {task}")),
        "{text}"
    );
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["tenant"], "acme", "{found}");
    assert_eq!(found["tasks"], json!([task]), "{found}");
    assert_eq!(found["traces"], json!([task]), "{found}");
    assert_eq!(found["request"]["http.status"], 200, "{found}");
    let fault = found["fault"].as_str().unwrap();
    assert!(fault.starts_with("ambiguous answer to a submit"), "{fault}");
    assert!(fault.ends_with("; it went on, and completed"), "{fault}");
    assert_eq!(String::from_utf8(quiet.stdout).unwrap().trim_end(), task);
    assert_eq!(unknown.status.code(), Some(4), "{unknown:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_was_refused_is_traced_to_its_own_code_and_not_to_the_task_s() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    emulator.set_faults(Faults {
        fail_task: Fault::Times(1),
        ..Faults::default()
    });
    let task = submit(tenant, &tenant.inputs().await)
        .await
        .text("/data/id");
    tenant.ended(&task).await;
    let data = serving.log.with_file_name("data");
    let data = data.to_str().unwrap();
    let create = [
        "keys", "create", "acme", "--name", "ci", "--scope", "submit",
    ];
    let made = process::run(&[&create[..], &["--quiet", "--data", data]].concat());
    assert!(made.status.success(), "{made:?}");
    let made = String::from_utf8(made.stdout).unwrap();
    let narrow = made.trim();
    let added = process::run(&["tenants", "add", "globex", "--data", data]);
    assert!(added.status.success(), "{added:?}");
    let foreign = process::run(&["token", "globex", "--data", data]).stdout;
    let foreign = String::from_utf8(foreign).unwrap();

    for (id, token, status, code) in [
        ("narrow", narrow, 403, "scope_missing"),
        ("foreign", foreign.trim(), 404, "not_found"),
    ] {
        let url = tenant.url(&format!("/api/v3/predictions/{task}/result"));
        let request = tenant.http().get(url).bearer_auth(token);
        let answer = request.header("x-request-id", id).send().await.unwrap();
        assert_eq!(answer.status(), status, "{id}");
        request_line(&serving, id).await;
        let log = serving.log.to_str().unwrap();
        let traced = process::run(&["trace", id, "--log", log, "--json"]);

        let found: Value = serde_json::from_slice(&traced.stdout).unwrap();
        assert_eq!(found["fault"], code, "{found}");
        assert_eq!(found["tasks"], json!([]), "{found}");
        assert_eq!(found["lines"].as_array().unwrap().len(), 1, "{found}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_names_why_its_task_failed_and_what_a_receiver_answered() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("told")).await;
    receiver.answer(&[500; 2]);
    emulator.set_faults(Faults {
        fail_task: Fault::Times(1),
        ..Faults::default()
    });
    let inputs = tenant.inputs().await;
    let task = submit(tenant, &inputs).await.text("/data/id");
    receiver.about(&task, 2).await;
    let second = eventually("the line of the second attempt", || async {
        let jobs = lines_of(&serving.text(), "fluxgate::job", "task.id", &task);
        let is_second =
            |line: &Value| line["span"]["lane"] == "notify" && line["span"]["attempt"] == 2;
        jobs.into_iter().find(is_second)
    });
    assert_eq!(second.await["span"]["outcome"], "done");
    let log = serving.log.to_str().unwrap();

    let text = process::run(&["trace", &task, "--log", log]);
    let json = process::run(&["trace", &task, "--log", log, "--json"]);

    let text = String::from_utf8(text.stdout).unwrap();
    for part in [
        "status=500 class=server_error",
        "number=1",
        "number=2",
        " --data DIR",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(
        found["fault"], "task ended: state=failed, error.code=model_failed",
        "{found}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_that_was_refused_names_no_task_since_none_was_made() {
    let emulator = Emulator::start(emulator_config()).await.unwrap();
    let serving = serving(&emulator).await;
    let tenant = &serving.tenant;
    let data = serving.log.with_file_name("data");
    let data = data.to_str().unwrap();
    let budget = ["accounts", "budget", "acme", "--limit", "0.01"];
    let set = process::run(&[&budget[..], &["--data", data]].concat());
    assert!(set.status.success(), "{set:?}");

    let refused = submit(tenant, &tenant.inputs().await).await;
    let line = request_line(&serving, REQUEST_ID).await;
    let log = serving.log.to_str().unwrap();
    let traced = process::run(&["trace", REQUEST_ID, "--log", log]);

    assert_eq!(refused.status, 402, "{:?}", refused.body);
    assert!(line["span"]["task.id"].is_null(), "{line}");
    let text = String::from_utf8(traced.stdout).unwrap();
    assert!(!text.contains("fluxgate tasks show"), "{text}");
}
