//! One edit, the whole way, through Lambda events alone; and the ways in which it may be disturbed.

use std::time::Duration;

use aws_sdk_sqs::types::Message;
use fluxgate_core::digest::sha256;
use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::lambda::EventSource;
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
async fn an_archiver_killed_while_it_copies_is_made_good_by_the_next_one() {
    // The copy takes its time, so that the kill comes in the middle of it.
    let stack = Stack::with(faulty(Faults {
        slow_output_bytes_per_second: 20_000,
        ..Faults::default()
    }))
    .await;
    let tenant = stack.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;
    eventually("the copy", || async {
        (stack.emulator.request_count("output") > 0).then_some(())
    })
    .await;
    stack.function("archiver").kill();
    stack.emulator.set_faults(Faults::default());

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(objects(&tenant, &task).await.len(), 1);
    assert!(
        stack.function("archiver").invocations() >= 2,
        "the killed invocation was the only one"
    );
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn a_gateway_killed_during_its_submit_leaves_a_task_that_is_paid_once_and_completes() {
    let stack = Stack::with(faulty(Faults {
        hang_after_accept_ms: 60_000,
        ..Faults::default()
    }))
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let request = tenant
        .http()
        .post(tenant.url(&format!("/api/v3/{}", fluxgate_tests::tenant::MODEL)));
    let submitted = tokio::spawn(request.bearer_auth(&tenant.token).json(&inputs).send());
    eventually("the run", || async {
        (!stack.emulator.runs().is_empty()).then_some(())
    })
    .await;
    stack.function("gateway").kill();
    stack.emulator.set_faults(Faults::default());

    assert_eq!(submitted.await.unwrap().unwrap().status(), 502);
    let task = eventually("the task", || async {
        let page = tenant
            .post("/api/v3/predictions", &json!({ "page": 1, "page_size": 1 }))
            .await;
        let id = page.text("/data/items/0/id");
        (!id.is_empty()).then_some(id)
    })
    .await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(stack.emulator.runs().len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn a_message_that_comes_twice_copies_captures_and_tells_once() {
    let stack = Stack::with(by_hand()).await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let copy = messages(&stack, "archive", 1).await;

    let archiver = stack.function("archiver");
    for batch in [[&copy[0], &copy[0]].map(Clone::clone).as_slice(), &copy] {
        assert_eq!(
            EventSource::invoke_once(archiver, batch).await,
            Ok(Vec::new())
        );
    }
    let tell = messages(&stack, "notify", 1).await;
    for _ in 0..2 {
        assert_eq!(
            EventSource::invoke_once(stack.function("notifier"), &tell).await,
            Ok(Vec::new())
        );
    }

    assert_eq!(tenant.result(&task).await["status"], "completed");
    assert_eq!(objects(&tenant, &task).await.len(), 1);
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(
        tell.len(),
        1,
        "a second capture would have told a second time"
    );
    assert_eq!(receiver.about(&task, 1).await.len(), 1);
}

#[tokio::test]
async fn of_a_batch_with_one_unreadable_message_nine_succeed_and_it_becomes_a_dead_letter() {
    let stack = Stack::with(by_hand()).await;
    let tenant = stack.tenant("acme", "10").await;
    let inputs = tenant.inputs().await;
    let mut tasks = Vec::new();
    for _ in 0..9 {
        tasks.push(tenant.submit(&inputs).await);
    }
    let sqs = stack.ministack.aws().sqs();
    sqs.send_message()
        .queue_url(stack.queue_url("archive"))
        .message_body("{not a job")
        .send()
        .await
        .unwrap();
    let batch = messages(&stack, "archive", 10).await;

    let failed = EventSource::invoke_once(stack.function("archiver"), &batch).await;

    assert_eq!(failed, Ok(Vec::new()));
    for task in &tasks {
        assert_eq!(tenant.result(task).await["status"], "completed");
    }
    let dead = messages(&stack, "archive-dead-letters", 1).await;
    assert_eq!(dead[0].body(), Some("{not a job"));
    let reason = dead[0]
        .message_attributes()
        .and_then(|attributes| attributes.get("reason"));
    assert!(
        reason
            .and_then(|reason| reason.string_value())
            .is_some_and(|reason| !reason.is_empty())
    );
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
async fn a_secret_that_is_missing_keeps_a_submit_waiting_until_it_is_there() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;

    let secrets = stack.ministack.aws().secretsmanager();
    let delete = secrets
        .delete_secret()
        .secret_id("fluxgate/upstream-key")
        .force_delete_without_recovery(true);
    delete.send().await.unwrap();
    stack.function("gateway").kill();
    let refused = tenant
        .post(
            &format!("/api/v3/{}", fluxgate_tests::tenant::MODEL),
            &inputs,
        )
        .await;
    secrets
        .create_secret()
        .name("fluxgate/upstream-key")
        .secret_string(stack.emulator.api_key())
        .send()
        .await
        .unwrap();

    assert_eq!(refused.status, 503, "{:?}", refused.body);
    assert!(!refused.body.to_string().contains(stack.emulator.api_key()));
    let again = eventually("the secret to be read again", || async {
        let answer = tenant
            .post(
                &format!("/api/v3/{}", fluxgate_tests::tenant::MODEL),
                &inputs,
            )
            .await;
        (answer.status == 200).then(|| answer.text("/data/id"))
    })
    .await;
    assert_eq!(tenant.ended(&again).await["status"], "completed");
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

    for call in stack.calls.all() {
        let allowed = crate::infra::allowed_actions(&call.function);
        // A transaction is allowed by the actions of its items, and the event source mapping is not
        // the function.
        let action = match call.action.as_str() {
            "dynamodb:TransactWriteItems" => "dynamodb:UpdateItem",
            "sqs:SendMessageBatch" => "sqs:SendMessage",
            action => action,
        };
        // Buckets are used in the tenants' roles; this stack's own keys stand in for one.
        let by_tenant = action.starts_with("s3:");
        assert!(
            by_tenant || allowed.contains(action),
            "{} calls {action}; its role has {allowed:?}",
            call.function
        );
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
