//! An endpoint that fails is called ever more seldom, is disabled in the end, and tells the others.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually, process};
use serde_json::{Value, json};

/// Failures open the breaker after three, and disable after a second.
fn impatient() -> GatewayOptions {
    GatewayOptions {
        bounds: BoundsSettings {
            breaker_failures: Some(3),
            breaker_first_ms: Some(600),
            breaker_max_ms: Some(1_000),
            ..quick()
        },
        ..GatewayOptions::default()
    }
}

async fn endpoint(tenant: &TestTenant, body: Value) -> String {
    let created = tenant.post("/v1/endpoints", &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    created.text("/id")
}

async fn shown(tenant: &TestTenant, id: &str) -> Value {
    tenant.get(&format!("/v1/endpoints/{id}")).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_breaker_opens_on_consecutive_failures_and_closes_with_a_success() {
    let gateway = Gateway::with(impatient()).await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let id = endpoint(&tenant, json!({ "url": receiver.url("events") })).await;
    receiver.answer(&[500; 4]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let open = eventually("an open breaker", || async {
        let endpoint = shown(&tenant, &id).await;
        (endpoint["health"]["breaker"] != "closed").then_some(endpoint)
    })
    .await;
    assert_eq!(open["enabled"], true);
    assert!(
        open["health"]["consecutive_failures"].as_u64() >= Some(3),
        "{open}"
    );

    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let listed = || {
        let args = ["endpoints", "list", "--tenant", "acme", "--data", &data];
        String::from_utf8(process::run(&args).stdout).unwrap()
    };
    let said = tokio::task::block_in_place(listed);
    let open = said.contains("open until 2") || said.contains("half-open");
    assert!(open && said.contains("enabled "), "{said}");

    // Probes go on, and the fifth answer is a good one.
    let tries = receiver.about(&task, 5).await;
    let waited_ms = tries[3].at_ms - tries[2].at_ms;
    assert!(
        waited_ms >= 500,
        "the breaker kept nothing back: {waited_ms} ms"
    );
    eventually("a closed breaker", || async {
        let health = shown(&tenant, &id).await["health"].clone();
        let closed = health["breaker"] == "closed" && health["consecutive_failures"] == 0;
        closed.then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_only_fails_is_disabled_and_the_others_are_told() {
    let options = GatewayOptions {
        bounds: BoundsSettings {
            endpoint_failing_max_ms: Some(400),
            ..quick()
        },
        ..GatewayOptions::default()
    };
    let gateway = Gateway::with(options).await;
    let tenant = gateway.tenant("acme", "1").await;
    let (failing, watching) = (LiveReceiver::start().await, LiveReceiver::start().await);
    let id = endpoint(&tenant, json!({ "url": failing.url("events") })).await;
    let told = json!({ "url": watching.url("x"), "event_types": ["endpoint.disabled"] });
    endpoint(&tenant, told).await;
    failing.answer(&[500; 50]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let disabled = eventually("a disabled endpoint", || async {
        let endpoint = shown(&tenant, &id).await;
        (endpoint["enabled"] == false).then_some(endpoint)
    })
    .await;
    assert_eq!(disabled["disabled"]["reason"], "failing");
    let notice = eventually("the notice", || async { watching.received().pop() }).await;
    assert_eq!(notice.json()["type"], "endpoint.disabled");
    assert_eq!(notice.json()["data"]["endpoint_id"], id.as_str());

    // What comes later is held, and released by enabling.
    failing.answer(&[]);
    let tries = failing.received().len();
    let path = format!("/v1/endpoints/{id}");
    let enabled = tenant.patch(&path, &json!({ "enabled": true })).await;
    assert_eq!(enabled.status, 200, "{}", enabled.body);
    failing.about(&task, tries + 1).await;
    assert_eq!(watching.received().len(), 1, "told once");
}

#[tokio::test]
async fn a_delivery_that_runs_out_of_attempts_is_told_to_the_other_endpoints_once() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (failing, watching) = (LiveReceiver::start().await, LiveReceiver::start().await);
    let id = endpoint(&tenant, json!({ "url": failing.url("events") })).await;
    let told = json!({ "url": watching.url("x"), "event_types": ["delivery.exhausted"] });
    endpoint(&tenant, told).await;
    failing.answer(&[500; 5]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let notice = eventually("the notice", || async { watching.received().pop() }).await;

    let (body, data) = (notice.json(), notice.json()["data"].clone());
    assert_eq!(body["type"], "delivery.exhausted");
    assert_eq!(
        (
            &data["endpoint_id"],
            &data["task_id"],
            &data["last_status"],
            &data["attempts"]
        ),
        (&json!(id), &json!(task), &json!(500), &json!(5))
    );
    // Replayed, it is delivered under the same id.
    let delivery = data["delivery_id"].as_str().unwrap();
    let replayed = tenant
        .post(&format!("/v1/deliveries/{delivery}/replay"), &json!({}))
        .await;
    assert_eq!(replayed.status, 202, "{}", replayed.body);
    let tries = failing.about(&task, 6).await;
    assert_eq!(tries[5].header("webhook-id"), tries[0].header("webhook-id"));
    assert_eq!(watching.received().len(), 1, "told once");
}

#[tokio::test]
async fn events_of_a_task_wait_for_the_earlier_where_an_endpoint_wants_them_in_order() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let body = json!({
        "url": receiver.url("events"),
        "ordering": "fifo",
        "event_types": ["task.started", "task.completed"],
    });
    endpoint(&tenant, body).await;
    receiver.answer(&[503, 503]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let told = receiver.about(&task, 4).await;

    let types: Vec<Value> = told.iter().map(|one| one.json()["type"].clone()).collect();
    let [started, completed] = ["task.started", "task.completed"];
    assert_eq!(types, [started, started, started, completed]);
    assert_ne!(told[0].header("webhook-id"), told[3].header("webhook-id"));
}
