//! What is told before the money runs out, and to the operator: once, by real callbacks.

use std::net::SocketAddr;

use fluxgate_core::webhook::EventType;
use fluxgate_emulator::{Emulator, EmulatorConfig, Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::{emulator_config, quick};
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually, process};
use serde_json::{Value, json};

use crate::event_catalogue::assert_described;

/// The data of the events of this type at a path, once there are so many. Each is as the catalogue
/// says.
async fn told(receiver: &LiveReceiver, path: &str, event: EventType, count: usize) -> Vec<Value> {
    let what = format!("{count} of {} at {path}", event.as_str());
    eventually(&what, || async {
        let told = events(receiver, path, event);
        (told.len() >= count).then_some(told)
    })
    .await
}

fn events(receiver: &LiveReceiver, path: &str, event: EventType) -> Vec<Value> {
    let received = receiver.received().into_iter();
    let bodies = received
        .filter(|one| one.path.trim_start_matches('/') == path)
        .map(|one| one.json());
    let of_type = bodies.filter(|body| body["type"] == event.as_str());
    of_type
        .inspect(|body| assert_described(event, body))
        .map(|body| body["data"].clone())
        .collect()
}

/// An endpoint of the operator's own, by the command.
fn add_operators_endpoint(gateway: &Gateway, receiver: &LiveReceiver) {
    let data = gateway.server.folder().path.to_str().unwrap().to_owned();
    let url = receiver.url("operator");
    let args = [
        "endpoints",
        "create",
        &url,
        "--tenant",
        "operator",
        "--data",
        &data,
    ];
    let output = process::run(&args);
    assert!(output.status.success(), "{output:?}");
}

async fn started() -> (Gateway, TestTenant, LiveReceiver) {
    let gateway = Gateway::with(GatewayOptions {
        faults: Faults {
            tiny_output: Fault::Always,
            ..Faults::default()
        },
        bounds: BoundsSettings {
            provider_down_ms: Some(300),
            ..quick()
        },
        ..GatewayOptions::default()
    })
    .await;
    let (tenant, receiver) = (
        gateway.tenant("acme", "1").await,
        LiveReceiver::start().await,
    );
    tenant.endpoint(&receiver.url("tenant")).await;
    (gateway, tenant, receiver)
}

async fn run(tenant: &TestTenant, inputs: &Value) {
    let task = tenant.submit(inputs).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_balance_is_told_to_the_tenant_and_the_operator_once_until_it_was_above() {
    let (gateway, tenant, receiver) = started().await;
    add_operators_endpoint(&gateway, &receiver);
    let (operator, inputs) = (gateway.operator(), tenant.inputs().await);
    let terms = json!({ "low_balance_usd": "0.9" });
    let set = operator.put("/tenants/acme/alerts", &terms).await;
    assert_eq!(set.body["low_below_usd"], "0.90", "{:?}", set.body);

    for _ in 0..3 {
        run(&tenant, &inputs).await;
    }
    for path in ["tenant", "operator"] {
        let first = told(&receiver, path, EventType::BalanceLow, 1).await;
        let threshold = &first[0]["threshold_usd"];
        assert_eq!((first.len(), threshold), (1, &json!(0.9)));
    }
    let top_up = json!({ "amount_usd": "0.2", "reference": "more" });
    operator.post("/tenants/acme/top-ups", &top_up).await;
    run(&tenant, &inputs).await;

    for path in ["tenant", "operator"] {
        let both = told(&receiver, path, EventType::BalanceLow, 2).await;
        assert_eq!(both.len(), 2, "{both:?}");
        assert_eq!(both[1]["tenant_id"], "acme");
    }
    let of_operator = events(&receiver, "operator", EventType::TaskCompleted);
    assert!(of_operator.is_empty(), "{of_operator:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn each_threshold_of_a_budget_is_told_once_in_its_month() {
    let (gateway, tenant, receiver) = started().await;
    let (operator, inputs) = (gateway.operator(), tenant.inputs().await);
    let budget = json!({ "limit_usd": "0.16" });
    assert_eq!(
        operator.put("/tenants/acme/budget", &budget).await.status,
        200
    );

    run(&tenant, &inputs).await;
    let first = told(&receiver, "tenant", EventType::BudgetThreshold, 1).await;
    run(&tenant, &inputs).await;
    let all = told(&receiver, "tenant", EventType::BudgetThreshold, 3).await;

    assert_eq!(
        (
            &first[0]["percent"],
            &first[0]["spent_usd"],
            &first[0]["limit_usd"]
        ),
        (&json!(50), &json!(0.08), &json!(0.16))
    );
    let mut percents: Vec<i64> = all.iter().filter_map(|it| it["percent"].as_i64()).collect();
    percents.sort_unstable();
    assert_eq!(percents, [50, 80, 100]);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_is_told_of_a_submit_in_doubt_and_the_tenant_is_not() {
    let (gateway, tenant, receiver) = started().await;
    add_operators_endpoint(&gateway, &receiver);
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        hang_up_after_accept: Fault::Times(1),
        tiny_output: Fault::Always,
        ..Faults::default()
    });

    let task = tenant.submit(&inputs).await;

    let doubts = told(&receiver, "operator", EventType::TaskInDoubt, 1).await;
    assert_eq!(
        (&doubts[0]["task_id"], &doubts[0]["tenant_id"]),
        (&json!(task), &json!("acme"))
    );
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    receiver.about(&task, 1).await;
    assert!(events(&receiver, "tenant", EventType::TaskInDoubt).is_empty());
    gateway.stop().await;
}

/// The emulator's address, for another one in its place.
fn address(emulator: &Emulator) -> SocketAddr {
    let url = emulator.base_url();
    url.strip_prefix("http://").unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_provider_is_told_once_until_it_answers_again() {
    let (gateway, tenant, receiver) = started().await;
    add_operators_endpoint(&gateway, &receiver);
    let inputs = tenant.inputs().await;
    // The catalogue is known from then on.
    assert_eq!(tenant.get("/api/v3/models").await.status, 200);
    let listen = address(&gateway.emulator);
    let api_key = gateway.emulator.api_key().to_owned();
    let Gateway {
        server, emulator, ..
    } = gateway;
    let config = EmulatorConfig {
        listen,
        api_key,
        ..emulator_config()
    };

    emulator.stop().await;
    let (one, two) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);
    told(&receiver, "operator", EventType::ProviderUnreachable, 1).await;
    let emulator = Emulator::start(config).await.unwrap();
    for task in [&one, &two] {
        tenant.ended(task).await;
    }
    let once = events(&receiver, "operator", EventType::ProviderUnreachable);
    assert_eq!(once.len(), 1, "{once:?}");
    emulator.stop().await;
    tenant.submit(&inputs).await;
    told(&receiver, "operator", EventType::ProviderUnreachable, 2).await;
    server.stop().await;
}

#[tokio::test]
async fn the_operator_s_name_is_no_tenant_s_and_its_events_are_no_tenant_s() {
    let (gateway, tenant, _receiver) = started().await;
    let operator = gateway.operator();
    let new = json!({ "id": "operator", "trust": [], "destination": { "bucket": "fluxgate-b" } });

    let refused = operator.post("/tenants", &new).await;
    let body = json!({ "url": "https://a.example/x", "event_types": ["task.in_doubt"] });
    let named = tenant.post("/v1/endpoints", &body).await;
    let own = operator.post("/tenants/operator/endpoints", &body).await;
    let wrong = json!({ "budget_percents": [80, 50] });
    let falling = operator.put("/tenants/acme/alerts", &wrong).await;
    let nobody = operator.get("/tenants/nobody/alerts").await;

    let answer =
        |answer: &fluxgate_tests::tenant::Answer| (answer.status.as_u16(), answer.text("/code"));
    assert_eq!(answer(&refused), (409, "tenant_name_reserved".to_owned()));
    assert_eq!(answer(&named), (400, "invalid_parameter".to_owned()));
    assert!(
        own.status == 201 || own.text("/code") == "forbidden_address",
        "{:?}",
        own.body
    );
    assert_eq!(answer(&falling), (400, "invalid_parameter".to_owned()));
    assert_eq!(nobody.status, 404);
    gateway.stop().await;
}
