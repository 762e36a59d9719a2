//! One edit, the whole way, through Lambda events alone.

mod adopted;
mod batches;
mod clock;
mod deliveries;
mod destinations;
mod disturbed;
mod documents;
mod ending;
mod front;
mod granted;
mod keys;
mod links;
mod listening;
mod operating;
mod purged;
mod rates;
mod restored;
mod revoked;
mod sized;
mod waiting;

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use fluxgate_core::digest::sha256;
use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{LiveReceiver, Stack, StackOptions, TestTenant, eventually};
use serde_json::{Value, json};

fn faulty(faults: Faults) -> StackOptions {
    StackOptions {
        emulator: EmulatorConfig {
            faults,
            ..emulator_config()
        },
        ..StackOptions::default()
    }
}

fn by_hand() -> StackOptions {
    StackOptions {
        event_sources: false,
        ..StackOptions::default()
    }
}

/// The messages of a queue once there are this many, in hand for the length of the test.
async fn messages(stack: &Stack, queue: &str, count: usize) -> Vec<Message> {
    let (sqs, url) = (stack.ministack.aws().sqs(), stack.queue_url(queue));
    let held = std::sync::Mutex::new(Vec::new());
    eventually(&format!("{count} messages on {queue}"), || async {
        let receive = sqs
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(10)
            .visibility_timeout(600);
        let received = receive.message_attribute_names("All").send().await.unwrap();
        let mut held = held.lock().unwrap();
        held.extend(received.messages.unwrap_or_default());
        (held.len() >= count).then_some(())
    })
    .await;
    held.into_inner().unwrap()
}

async fn objects(tenant: &TestTenant, task: &str) -> Vec<Value> {
    tenant.result(task).await["objects"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}

/// A link may be asked what it leads to: the URL behind it is then signed for HEAD.
async fn looked_at(link: &str, bytes: usize) {
    let straight = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let behind = async |method: reqwest::Method| {
        let answer = straight.request(method, link).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        answer.headers()["location"].to_str().unwrap().to_owned()
    };
    let (get, head) = (
        behind(reqwest::Method::GET).await,
        behind(reqwest::Method::HEAD).await,
    );

    let said = straight.head(&head).send().await.unwrap();

    assert!(
        get.contains("x-id=GetObject") && !head.contains("x-id=GetObject"),
        "{head}"
    );
    assert_eq!(
        (said.status().as_u16(), &said.headers()["content-length"]),
        (200, &bytes.to_string().parse().unwrap())
    );
}

#[tokio::test]
async fn an_edit_travels_through_the_functions_from_submit_to_callback() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (_, secret) = tenant.endpoint(&receiver.url("events")).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let callback = receiver.about(&task, 1).await.remove(0);

    let prediction = tenant.result(&task).await;
    assert_eq!(prediction["status"], "completed");
    let output = tenant
        .download(prediction["outputs"][0].as_str().unwrap())
        .await;
    let digest: String = sha256(&output)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(prediction["objects"][0]["sha256"], digest);
    assert_eq!(prediction["objects"][0]["bytes"], output.len());
    looked_at(prediction["outputs"][0].as_str().unwrap(), output.len()).await;
    assert_eq!(tenant.balance_usd().await, 0.92);
    standardwebhooks::Webhook::new(&secret)
        .unwrap()
        .verify(&callback.body, &callback.headers)
        .unwrap();
    assert_eq!(callback.json()["data"]["outputs"], prediction["outputs"]);
    assert_eq!(tenant.timeline(&task).await["completed_by"], "webhook");
    assert_eq!(
        tenant.steps(&task).await,
        [
            "admitted",
            "submit_started",
            "accepted",
            "finished",
            "archived"
        ]
    );
    assert_eq!(stack.function("receiver").invocations(), 1);
    no_secret_is_logged(&stack, &tenant, &secret);
}

fn no_secret_is_logged(stack: &Stack, tenant: &TestTenant, endpoint_secret: &str) {
    for function in stack.functions() {
        let log = function.log();
        for secret in [
            stack.emulator.api_key(),
            stack.emulator.webhook_secret(),
            &tenant.token,
            endpoint_secret,
        ] {
            assert!(
                !log.contains(secret),
                "{} logs a secret:\n{log}",
                function.name()
            );
        }
        assert!(
            !log.contains("X-Amz-Signature"),
            "{} logs a signed URL:\n{log}",
            function.name()
        );
    }
}

#[tokio::test]
async fn sync_mode_holds_the_submit_and_large_files_go_by_ticket() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let mut inputs = tenant.inputs().await;
    inputs["enable_sync_mode"] = json!(true);

    let answer = tenant
        .post(
            &format!("/api/v3/{}", fluxgate_tests::tenant::MODEL),
            &inputs,
        )
        .await;
    let large = json!({ "filename": "large.png", "size": 50_000_000, "content_type": "image/png" });
    let ticket = tenant.post("/api/v3/media/uploads", &large).await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/data/status").as_str()),
        (200, "completed")
    );
    assert_eq!(ticket.status, 200, "{:?}", ticket.body);
}

#[tokio::test]
async fn without_the_webhook_the_poller_brings_the_end() {
    let stack = Stack::with(faulty(Faults {
        webhook_lost: Fault::Always,
        ..Faults::default()
    }))
    .await;
    let tenant = stack.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(tenant.timeline(&task).await["completed_by"], "poll");
    assert_eq!(stack.function("receiver").invocations(), 0);
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn the_sweeper_finds_nothing_wrong_with_a_sound_installation() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;

    let swept = stack
        .function("sweeper")
        .invoke(json!({ "source": "aws.scheduler" }))
        .await
        .unwrap();

    assert_eq!(swept, json!({ "tenants": 1, "live": 0, "stuck": 0 }));
}

#[tokio::test]
async fn every_call_that_a_function_makes_is_one_that_its_role_allows() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (endpoint, _) = tenant.endpoint(&receiver.url("events")).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&task, 1).await;
    tenant
        .download(tenant.result(&task).await["outputs"][0].as_str().unwrap())
        .await;
    tenant.timeline(&task).await;
    tenant
        .send(
            tenant
                .http()
                .delete(tenant.url(&format!("/v1/endpoints/{endpoint}"))),
        )
        .await;
    stack.function("sweeper").invoke(json!({})).await.unwrap();

    calls_are_allowed(&stack);
}

/// The proxy refuses what a role does not allow, so that a test would fail for another reason; this
/// says which permission lacks.
fn calls_are_allowed(stack: &Stack) {
    for call in stack.calls.all() {
        let (function, action) = (&call.function, &call.action);
        assert_eq!(call.denied, None, "{function} calls {action}");
    }
}

#[tokio::test]
async fn the_gateway_learns_its_address_from_the_platform_when_it_is_told_none() {
    let environment = [("FLUXGATE_BASE_URL".to_owned(), String::new())].into();
    let stack = Stack::with(StackOptions {
        environment,
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;

    let domain = stack.gateway_url().trim_start_matches("http://");
    let link = tenant.result(&task).await["urls"]["get"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        link,
        format!("https://{domain}/api/v3/predictions/{task}/result")
    );
    tokio::time::timeout(Duration::from_secs(60), tenant.ended(&task))
        .await
        .unwrap();
}
