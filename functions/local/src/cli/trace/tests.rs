//! What a log tells of a request, a task and their faults.

use fluxgate_core::app::JOB_TARGET;

use super::*;

fn line(target: &str, level: &str, own: &Value, span: &Value) -> Value {
    let mut line = json!({ "level": level, "target": target, "span": span });
    let own = own.as_object().cloned().unwrap_or_default();
    line.as_object_mut()
        .into_iter()
        .for_each(|line| line.extend(own.clone()));
    line
}

fn found(id: &str, lines: &[Value]) -> Found {
    let own: Vec<Value> = lines
        .iter()
        .filter(|line| names(line, id))
        .cloned()
        .collect();
    let mut found = Found::begin(id, &own);
    lines.iter().for_each(|line| found.take(line));
    found
}

/// A request about the task `t` of acme's.
fn request(id: &str, tenant: &str, method: &str, (status, code): (u16, &str)) -> Value {
    let span = json!({ "request.id": id, "tenant.id": tenant, "task.id": "t",
        "http.method": method, "http.path": "/api/v3/predictions/t/result",
        "error.code": code });
    line(REQUEST, "INFO", &json!({ "http.status": status }), &span)
}

#[test]
fn a_refused_read_has_its_own_fault_and_no_task_and_a_task_none_of_others_reads() {
    let job = json!({ "task.id": "t", "trace_id": "w", "tenant.id": "acme" });
    let ended = json!({ "message": "task ended", "state": "failed",
        "error.code": "output_gone" });
    let lines = [
        request("submit", "acme", "POST", (200, "")),
        line("a", "INFO", &ended, &job),
        request("narrow", "acme", "GET", (403, "scope_missing")),
        request("foreign", "globex", "GET", (404, "not_found")),
        request("own", "acme", "GET", (200, "")),
        request("late", "acme", "POST", (503, "unavailable")),
    ];
    let failed = "task ended: state=failed, error.code=output_gone";

    for (id, tenant, fault, tasks, shown) in [
        ("narrow", "acme", "scope_missing", json!([]), 1),
        ("foreign", "globex", "not_found", json!([]), 1),
        ("own", "acme", failed, json!(["t"]), 4),
        ("submit", "acme", failed, json!(["t"]), 4),
        ("late", "acme", "unavailable", json!(["t"]), 4),
        ("t", "acme", failed, json!(["t"]), 4),
    ] {
        let facts = found(id, &lines).facts();

        assert_eq!(facts.json["fault"], fault, "{id}");
        assert_eq!(facts.json["tenant"], tenant, "{id}");
        assert_eq!(facts.json["tasks"], tasks, "{id}");
        let lines = facts.json["lines"].as_array().unwrap().len();
        assert_eq!(lines, shown, "{id}");
        assert_eq!(facts.text.contains("tasks show"), shown > 1, "{id}");
    }
}

#[test]
fn an_id_that_two_tenants_chose_shows_nothing_of_the_second_one_s() {
    let mine = request("order-7", "acme", "POST", (200, ""));
    let mut theirs = request("order-7", "globex", "POST", (402, "insufficient_balance"));
    theirs["span"]["task.id"] = json!("theirs");

    let facts = found("order-7", &[mine, theirs]).facts();

    assert_eq!(facts.json["tasks"], json!(["t"]));
    assert_eq!(facts.json["fault"], json!(null));
    assert!(!facts.text.contains("theirs"), "{}", facts.text);
}

#[test]
fn a_request_finds_its_task_and_the_task_finds_the_fault() {
    let span = json!({ "request.id": "r", "task.id": "t", "tenant.id": "acme" });
    let lines = [
        line(
            "a",
            "WARN",
            &json!({ "message": "it failed", "error": "no bucket" }),
            &json!({ "task.id": "t", "trace_id": "w", "lane": "archive" }),
        ),
        line(
            REQUEST,
            "INFO",
            &json!({ "message": "request", "http.status": 200 }),
            &span,
        ),
        line(
            REQUEST,
            "INFO",
            &json!({}),
            &json!({ "request.id": "another" }),
        ),
    ];
    let found = found("r", &lines);

    let facts = found.facts();

    assert_eq!(facts.quiet, "t");
    assert_eq!(facts.json["fault"], "it failed: error=no bucket");
    assert_eq!(facts.json["traces"], json!(["w"]));
    assert_eq!(found.lines.len(), 2);
    assert!(
        facts.text.contains("fluxgate tasks show acme t"),
        "{}",
        facts.text
    );
}

fn fault_of(lines: Vec<Value>) -> String {
    let found = Found {
        lines,
        ..Found::default()
    };
    found.fault().unwrap()
}

#[test]
fn a_task_that_failed_a_callback_that_failed_and_a_job_that_waits_are_faults() {
    let span = json!({ "lane": "watch", "job": "watch", "outcome": "again", "attempt": 1,
        "error.code": "provider_unreachable" });
    let waits = line(JOB_TARGET, "INFO", &json!({ "message": "job" }), &span);
    let failed = json!({ "message": "callback attempt failed", "status": 500, "number": 2,
        "class": "server_error", "delivery.id": "t-00" });
    let callback = line("a", "INFO", &failed, &json!({ "lane": "notify" }));
    let loud = line("a", "WARN", &json!({ "message": "odd" }), &json!({}));
    let ended = json!({ "message": "task ended", "state": "failed",
        "error.code": "model_failed" });
    let ended = line("a", "INFO", &ended, &json!({ "lane": "watch" }));
    let completed = json!({ "message": "task ended", "state": "completed" });
    let completed = line("a", "INFO", &completed, &json!({}));

    for (lines, fault) in [
        (
            vec![ended, loud.clone(), callback.clone()],
            "task ended: state=failed, error.code=model_failed",
        ),
        (vec![loud, callback.clone()], "odd"),
        (
            vec![callback, waits.clone(), completed.clone()],
            "callback attempt failed: delivery.id=t-00, number=2, status=500, \
             class=server_error",
        ),
        (
            vec![waits, completed],
            "the watch job goes on later: error.code=provider_unreachable; it went on, and \
             completed",
        ),
    ] {
        assert_eq!(fault_of(lines), fault);
    }
}
