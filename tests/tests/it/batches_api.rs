//! Batches by public HTTP: many tasks in one request, admitted as limits and money allow.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use serde_json::{Value, json};

/// Bounds under which a batch looks again soon.
fn bounds() -> BoundsSettings {
    BoundsSettings {
        batch_first_ms: Some(50),
        batch_waiting_max_ms: Some(400),
        ..quick()
    }
}

async fn gateway() -> Gateway {
    Gateway::with(GatewayOptions {
        bounds: bounds(),
        ..GatewayOptions::default()
    })
    .await
}

fn line(reference: &str, input: &Value) -> String {
    json!({ "model": MODEL, "input": input, "reference": reference }).to_string()
}

async fn lines(tenant: &TestTenant, count: usize) -> String {
    let input = tenant.inputs().await;
    let lines = (1..=count).map(|n| line(&format!("r{n}"), &input));
    lines.collect::<Vec<_>>().join("\n")
}

async fn send(tenant: &TestTenant, body: &str, key: Option<&str>) -> Answer {
    let request = tenant.http().post(tenant.url("/v1/batches"));
    let request = request
        .header("content-type", "application/jsonl")
        .body(body.to_owned());
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    tenant.send(request).await
}

async fn created(tenant: &TestTenant, body: &str) -> String {
    let answer = send(tenant, body, None).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    answer.text("/id")
}

async fn batch(tenant: &TestTenant, id: &str) -> Value {
    tenant.get(&format!("/v1/batches/{id}")).await.body
}

async fn until(tenant: &TestTenant, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || async {
        let batch = batch(tenant, id).await;
        is(&batch).then_some(batch)
    })
    .await
}

async fn completed(tenant: &TestTenant, id: &str) -> Value {
    until(tenant, id, "the batch's end", |batch| {
        batch["state"] == "completed"
    })
    .await
}

async fn results(tenant: &TestTenant, id: &str, query: &str) -> Vec<Value> {
    let answer = tenant
        .get(&format!("/v1/batches/{id}/results{query}"))
        .await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    // One line alone is JSON already.
    match &answer.body {
        Value::String(text) => text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
        line => vec![line.clone()],
    }
}

fn of<'a>(results: &'a [Value], pointer: &str) -> Vec<&'a str> {
    let text = |result: &'a Value| result.pointer(pointer).and_then(Value::as_str);
    results.iter().map(|it| text(it).unwrap_or("-")).collect()
}

#[tokio::test]
async fn each_line_becomes_a_task_and_a_line_that_is_none_is_refused_by_itself() {
    let gateway = gateway().await;
    let tenant = gateway.tenant("acme", "5").await;
    let input = tenant.inputs().await;
    let unknown = json!({ "model": "nobody/nothing", "input": {} }).to_string();
    let invalid =
        json!({ "model": MODEL, "input": { "prompt": 5 }, "odd": 1, "reference": "five" });
    let (one, six) = (line("one", &input), line("six", &input));
    let body = format!("{one}\n\nno json\r\n{unknown}\n{invalid}\n{six}");

    let answer = send(&tenant, &body, None).await;
    assert_eq!(answer.status, 202, "{:?}", answer.body);
    let id = answer.text("/id");
    assert_eq!(answer.headers["location"], format!("/v1/batches/{id}"));
    assert_eq!(answer.body["lines"], 5);

    let batch = completed(&tenant, &id).await;
    let counts = ["admitted", "refused", "completed", "failed"].map(|name| batch[name].clone());
    assert_eq!(counts, [json!(2), json!(3), json!(2), json!(0)], "{batch}");
    let all = results(&tenant, &id, "").await;
    let numbers: Vec<_> = all.iter().map(|it| it["line"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [1, 3, 4, 5, 6]);
    let states = ["completed", "refused", "refused", "refused", "completed"];
    assert_eq!(of(&all, "/state"), states, "{all:?}");
    assert_eq!(of(&all, "/reference"), ["one", "-", "-", "five", "six"]);
    assert_eq!(
        of(&all[1..3], "/error/code"),
        ["invalid_json", "unknown_model"]
    );
    let output = all[0]["outputs"][0]["url"].as_str().unwrap();
    assert!(!tenant.download(output).await.is_empty());
    let later = results(&tenant, &id, "?after=4&limit=1").await;
    assert_eq!(later, all[3..4]);
    assert_eq!(gateway.emulator.runs().len(), 2);
}

#[tokio::test]
async fn a_batch_sent_twice_runs_nothing_twice() {
    let gateway = gateway().await;
    let tenant = gateway.tenant("acme", "5").await;
    let body = lines(&tenant, 3).await;

    let first = send(&tenant, &body, Some("monday")).await;
    let again = send(&tenant, &body, Some("monday")).await;
    let other = send(&tenant, &format!("{body}\n{body}"), Some("monday")).await;

    assert_eq!((first.status.as_u16(), again.status.as_u16()), (202, 200));
    assert_eq!(first.text("/id"), again.text("/id"));
    assert_eq!(other.status, 422, "{:?}", other.body);
    completed(&tenant, &first.text("/id")).await;
    assert_eq!(gateway.emulator.runs().len(), 3);

    let input = tenant.inputs().await;
    let mut keyed = json!({ "model": MODEL, "input": input, "idempotency_key": "a" });
    let one = created(&tenant, &keyed.to_string()).await;
    let two = created(&tenant, &keyed.to_string()).await;
    completed(&tenant, &one).await;
    completed(&tenant, &two).await;
    let task = |results: Vec<Value>| results[0]["task"].clone();
    assert_eq!(
        task(results(&tenant, &one, "").await),
        task(results(&tenant, &two, "").await)
    );
    keyed["input"]["seed"] = json!(8);
    let three = created(&tenant, &keyed.to_string()).await;
    completed(&tenant, &three).await;
    let three = results(&tenant, &three, "").await;
    assert_eq!(of(&three, "/state"), ["refused"]);
    assert_eq!(gateway.emulator.runs().len(), 4);
}

#[tokio::test]
async fn a_batch_waits_for_money_and_goes_on_when_it_comes() {
    let gateway = gateway().await;
    let tenant = gateway.tenant("acme", "0.16").await;
    let id = created(&tenant, &lines(&tenant, 5).await).await;

    let waiting = until(&tenant, &id, "a batch that waits", |batch| {
        batch["waiting_for"] == "insufficient_funds" && batch["completed"] == 2
    })
    .await;
    assert_eq!(waiting["state"], "admitting");
    assert_eq!(waiting["refused"], 0);
    let top_up = json!({ "amount_usd": "1", "reference": "more" });
    let path = "/tenants/acme/top-ups";
    let answer = gateway.operator().post(path, &top_up).await;
    assert!(answer.status.is_success(), "{:?}", answer.body);

    let batch = completed(&tenant, &id).await;
    assert_eq!(batch["completed"], 5);
    assert_eq!(batch["waiting_for"], Value::Null);
    assert_eq!(gateway.emulator.runs().len(), 5);
}

#[tokio::test]
async fn a_cancelled_batch_admits_no_more_lines() {
    let gateway = gateway().await;
    let tenant = gateway.tenant("acme", "0.08").await;
    let id = created(&tenant, &lines(&tenant, 4).await).await;
    until(&tenant, &id, "a batch that waits", |batch| {
        batch["waiting_for"] == "insufficient_funds" && batch["completed"] == 1
    })
    .await;

    let path = format!("/v1/batches/{id}/cancel");
    let cancelled = tenant.post(&path, &json!({})).await;
    let again = tenant.post(&path, &json!({})).await;

    assert_eq!(
        (cancelled.status.as_u16(), again.status.as_u16()),
        (202, 202)
    );
    assert_eq!(cancelled.text("/state"), "cancelled");
    assert_eq!(again.body, cancelled.body);
    let results = results(&tenant, &id, "").await;
    let states = of(&results, "/state");
    assert_eq!(
        states.iter().filter(|state| **state == "completed").count(),
        1
    );
    assert_eq!(
        states.iter().filter(|state| **state == "cancelled").count(),
        3
    );
}

#[tokio::test]
async fn a_batch_is_its_tenant_s_alone_and_what_cannot_be_one_is_refused() {
    let gateway = Gateway::with(GatewayOptions {
        bounds: BoundsSettings {
            batch_bytes_max: Some(2_000),
            batches_unfinished_max: Some(1),
            ..bounds()
        },
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "0").await;
    let stranger = gateway.tenant("other", "1").await;
    let input = json!({ "prompt": "x", "image": "https://example.com/a.png" });
    let id = created(&tenant, &line("a", &input)).await;

    let refused = send(&tenant, &line("b", &input), None).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text("/code").as_str()),
        (429, "too_many_batches")
    );
    for (body, status, code) in [
        ("\n \n", 400, "empty_batch"),
        (&*"x".repeat(3_000), 413, "body_too_large"),
    ] {
        let answer = send(&stranger, body, None).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code").as_str()),
            (status, code)
        );
    }
    for path in ["", "/results"] {
        let path = format!("/v1/batches/{id}{path}");
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let cancel = format!("/v1/batches/{id}/cancel");
    assert_eq!(stranger.post(&cancel, &json!({})).await.status, 404);
    assert_eq!(stranger.get("/v1/batches").await.body["batches"], json!([]));
    let listed = tenant.get("/v1/batches?limit=1").await.body;
    assert_eq!(listed["batches"][0]["id"], json!(id));
    assert_eq!(tenant.get("/v1/batches?limit=0").await.status, 400);
}

#[tokio::test]
async fn a_suspended_tenant_s_batch_waits_until_it_is_resumed() {
    let gateway = gateway().await;
    let tenant = gateway.tenant("acme", "0").await;
    let id = created(&tenant, &lines(&tenant, 2).await).await;
    let operator = gateway.operator();
    operator.post("/tenants/acme/suspend", &json!({})).await;
    let top_up = json!({ "amount_usd": "1", "reference": "more" });
    operator.post("/tenants/acme/top-ups", &top_up).await;

    until(&tenant, &id, "a batch that waits", |batch| {
        batch["waiting_for"] == "tenant_suspended"
    })
    .await;
    operator.post("/tenants/acme/resume", &json!({})).await;

    let batch = completed(&tenant, &id).await;
    assert_eq!(
        (&batch["completed"], &batch["refused"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test]
async fn a_batch_leaves_room_for_the_tenant_s_other_submits() {
    let gateway = Gateway::with(GatewayOptions {
        bounds: bounds(),
        run_time: std::time::Duration::from_secs(2),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "5").await;
    let limits = json!({ "limits": { "tasks_in_flight": 4 } });
    let limited = gateway.operator().patch("/tenants/acme", &limits).await;
    assert!(limited.status.is_success(), "{:?}", limited.body);
    let id = created(&tenant, &lines(&tenant, 6).await).await;
    let waiting = until(&tenant, &id, "a batch that waits", |batch| {
        batch["waiting_for"] == "too_many_tasks"
    })
    .await;

    let direct = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(waiting["admitted"], 3);
    assert_eq!(tenant.ended(&direct).await["status"], "completed");
    assert_eq!(completed(&tenant, &id).await["completed"], 6);
}

#[tokio::test]
async fn a_batch_is_gone_after_its_time_and_makes_room_for_another() {
    let gateway = Gateway::with(GatewayOptions {
        bounds: BoundsSettings {
            batches_kept_ms: Some(700),
            batches_unfinished_max: Some(1),
            ..bounds()
        },
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "0").await;
    let body = lines(&tenant, 1).await;
    let id = created(&tenant, &body).await;

    eventually("a batch that is gone", || async {
        let batch = tenant.get(&format!("/v1/batches/{id}")).await;
        (batch.status == 404).then_some(())
    })
    .await;
    eventually("room for another", || async {
        let answer = send(&tenant, &body, None).await;
        (answer.status == 202).then_some(())
    })
    .await;
    assert_eq!(gateway.emulator.runs().len(), 0);
}

#[tokio::test]
async fn a_line_whose_task_was_deleted_says_so_and_what_it_cost() {
    let gateway = gateway().await;
    let tenant = gateway.tenant("acme", "5").await;
    let id = created(&tenant, &lines(&tenant, 2).await).await;
    completed(&tenant, &id).await;
    let before = results(&tenant, &id, "").await;

    let task = before[0]["task"].as_str().unwrap();
    let deleted = tenant.delete(&format!("/v1/tasks/{task}")).await;

    assert_eq!(deleted.status, 204, "{:?}", deleted.body);
    let after = results(&tenant, &id, "").await;
    assert_eq!(of(&after, "/state"), ["deleted", "completed"]);
    assert_eq!(after[0]["outputs"], json!([]));
    assert_eq!(after[0]["charged_usd"], before[0]["charged_usd"]);
    assert_eq!(batch(&tenant, &id).await["completed"], 2);
}
