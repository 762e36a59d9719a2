//! Tasks by Fluxgate's own API: created, read, and found by what was attached to them.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};
use serde_json::{Value, json};

fn order(number: u32, input: &Value) -> Value {
    json!({ "model": MODEL, "input": input, "metadata": { "order": number.to_string() } })
}

async fn created(tenant: &TestTenant, body: &Value) -> String {
    let answer = tenant.post("/v1/tasks", body).await;
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    answer.text("/id")
}

/// The ids on one page, newest first, and where the next begins.
async fn page(tenant: &TestTenant, query: &str) -> (Vec<String>, Option<String>) {
    let answer = tenant.get(&format!("/v1/tasks?{query}")).await;
    assert_eq!(answer.status, 200, "{query}: {:?}", answer.body);
    let tasks = answer.body["tasks"].as_array().unwrap();
    let ids = tasks
        .iter()
        .map(|task| task["id"].as_str().unwrap().to_owned());
    let next = answer.body["next"].as_str().map(str::to_owned);
    (ids.collect(), next)
}

/// The ids on all pages, and how many there were.
async fn pages(tenant: &TestTenant, query: &str) -> (Vec<String>, usize) {
    let (mut all, mut next) = page(tenant, query).await;
    let mut count = 1;
    while let Some(cursor) = next {
        let (more, then) = page(tenant, &format!("{query}&cursor={cursor}")).await;
        all.extend(more);
        (next, count) = (then, count + 1);
    }
    (all, count)
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    (
        answer.status.as_u16(),
        answer.text("/code"),
        answer.text("/field"),
    )
}

#[tokio::test]
async fn a_task_is_created_read_and_told_with_its_metadata() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (receiver, callback) = (LiveReceiver::start().await, LiveReceiver::start().await);
    tenant.endpoint(&receiver.url("events")).await;
    let mut body = order(42, &tenant.inputs().await);
    body["callback_url"] = callback.url("done").into();
    let request = tenant.http().post(tenant.url("/v1/tasks")).json(&body);

    let answer = tenant.send(request.header("idempotency-key", "a")).await;
    let id = answer.text("/id");
    assert_eq!(answer.status, 201, "{:?}", answer.body);
    assert_eq!(answer.body["metadata"], json!({ "order": "42" }));
    let request = tenant.http().post(tenant.url("/v1/tasks")).json(&body);
    let again = tenant.send(request.header("idempotency-key", "a")).await;
    assert_eq!(again.text("/id"), id);

    let path = format!("/v1/tasks/{id}");
    let task = eventually("a completed task", || async {
        let task = tenant.get(&path).await.body;
        (task["state"] == "completed").then_some(task)
    })
    .await;
    let output = &task["outputs"][0];
    let url = output["url"].as_str().unwrap();
    let bytes = tenant.download(url).await.len();
    assert_eq!(output["bytes"], bytes, "{task}");
    assert_eq!(
        (&task["archived"], &task["charged_usd"]),
        (&json!(true), &json!(0.08))
    );
    let told = receiver.about(&id, 1).await.remove(0);
    assert_eq!(told.json()["data"]["metadata"], json!({ "order": "42" }));
    callback.about(&id, 1).await;
    let stranger = gateway.tenant("other", "1").await;
    assert_eq!(stranger.get(&path).await.status, 404);
}

#[tokio::test]
async fn metadata_may_come_in_the_header_and_not_in_two_versions() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let input = tenant.inputs().await;
    let create = async |body: &Value| {
        let request = tenant.http().post(tenant.url("/v1/tasks")).json(body);
        let request = request.header("fluxgate-metadata", r#"{"order":"1"}"#);
        tenant.send(request).await
    };

    let alone = create(&json!({ "model": MODEL, "input": input })).await;
    assert_eq!(alone.body["metadata"], json!({ "order": "1" }));
    assert_eq!(create(&order(1, &input)).await.status, 201);
    let other = create(&order(2, &input)).await;
    let expected = (400, "invalid_metadata".to_owned(), "metadata".to_owned());
    assert_eq!(refusal(&other), expected);
}

#[tokio::test]
async fn tasks_are_found_by_metadata_state_model_and_time_and_page_by_page() {
    let bounds = BoundsSettings {
        page_tasks_max: Some(3),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let (tenant, other) = (
        gateway.tenant("acme", "9").await,
        gateway.tenant("other", "9").await,
    );
    let input = tenant.inputs().await;
    let mut made = Vec::new();
    for number in [1, 2, 1, 1, 1, 2, 1] {
        made.insert(0, created(&tenant, &order(number, &input)).await);
    }
    created(&other, &order(2, &other.inputs().await)).await;
    let wanted = [made[1].clone(), made[5].clone()];

    // Seven tasks, three looked at for a page.
    let by_order = "metadata[order]=2&from=2026-01-01T00:00:00Z";
    assert_eq!(pages(&tenant, by_order).await, (wanted.to_vec(), 3));
    assert_eq!(pages(&tenant, "limit=2").await, (made.clone(), 4));
    let (all, _) = pages(&tenant, &format!("model={MODEL}")).await;
    assert_eq!(all, made);
    assert_eq!(pages(&tenant, "model=no/model").await.0, [""; 0]);
    let created_at = tenant
        .get(&format!("/v1/tasks/{}", made[3]))
        .await
        .text("/created_at");
    assert_eq!(
        pages(&tenant, &format!("from={created_at}")).await.0,
        made[..=3]
    );
    assert_eq!(
        pages(&tenant, &format!("before={created_at}")).await.0,
        made[4..]
    );
    eventually("seven completed tasks", || async {
        let (completed, _) = pages(&tenant, "state=completed").await;
        (completed == made).then_some(())
    })
    .await;
    assert_eq!(pages(&tenant, "state=failed,timeout").await.0, [""; 0]);
}

#[tokio::test]
async fn a_query_that_cannot_be_is_refused_by_its_parameter() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (query, code, field) in [
        ("metadata[order]=2", "missing_parameter", "from"),
        ("metadata=2", "invalid_parameter", "metadata"),
        (
            "metadata[a]=1&metadata[a]=2&from=2026-01-01T00:00:00Z",
            "invalid_parameter",
            "metadata[a]",
        ),
        (
            "metadata[a%20b]=1&from=2026-01-01T00:00:00Z",
            "invalid_metadata",
            "metadata",
        ),
        ("metadata[a=1", "invalid_parameter", "metadata[a"),
        ("metadata[]=1", "invalid_parameter", "metadata[]"),
        ("metadata[a]x=1", "invalid_parameter", "metadata[a]x"),
        ("state=done", "invalid_parameter", "state"),
        ("model=x", "invalid_id", "model"),
        ("from=yesterday", "invalid_parameter", "from"),
        (
            "from=2026-01-02T00:00:00Z&before=2026-01-01T00:00:00Z",
            "invalid_parameter",
            "from",
        ),
        ("cursor=x", "invalid_parameter", "cursor"),
        ("limit=101", "invalid_parameter", "limit"),
        ("sate=completed", "invalid_parameter", "sate"),
    ] {
        let answer = tenant.get(&format!("/v1/tasks?{query}")).await;
        let expected = (400, code.to_owned(), field.to_owned());
        assert_eq!(refusal(&answer), expected, "{query}: {:?}", answer.body);
    }
}

#[tokio::test]
async fn a_task_that_cannot_be_is_refused_and_nothing_runs() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let input = tenant.inputs().await;
    let mut forbidden = order(1, &input);
    forbidden["callback_url"] = "https://10.0.0.1/x".into();
    for (body, status, code) in [
        (json!({ "input": input }), 400, "invalid_json"),
        (json!({ "model": MODEL }), 400, "invalid_json"),
        (json!({ "model": MODEL, "input": [] }), 400, "invalid_json"),
        (json!({ "model": "x", "input": input }), 400, "invalid_id"),
        (
            json!({ "model": "no/model", "input": input }),
            404,
            "unknown_model",
        ),
        (
            json!({ "model": MODEL, "input": input, "webhook": "x" }),
            400,
            "invalid_json",
        ),
        (
            json!({ "model": MODEL, "input": input, "metadata": { "a": 1 } }),
            400,
            "invalid_json",
        ),
        (
            json!({ "model": MODEL, "input": input, "metadata": { "a b": "" } }),
            400,
            "invalid_metadata",
        ),
        (forbidden, 400, "forbidden_address"),
    ] {
        let answer = tenant.post("/v1/tasks", &body).await;
        let found = (answer.status.as_u16(), answer.text("/code"));
        assert_eq!(
            found,
            (status, code.to_owned()),
            "{body}: {:?}",
            answer.body
        );
    }
    assert_eq!(pages(&tenant, "limit=100").await.0, [""; 0]);
}
