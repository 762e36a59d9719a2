//! Outputs on AWS: those that a tenant's bucket refuses, and those whose links are dead.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_emulator::{EmulatorConfig, Fault, Faults};
use fluxgate_tests::contract::now;
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{LiveReceiver, Stack, StackOptions, TestTenant, eventually};
use serde_json::json;

/// Backdates a task, so that it has been archiving for too long.
async fn age(stack: &Stack, tenant: &TestTenant, task: &str) {
    let key = |text: String| AttributeValue::S(text);
    let since = now().0 - 25 * 3_600_000;
    let update = stack
        .ministack
        .aws()
        .dynamodb()
        .update_item()
        .table_name(stack.table());
    let update = update
        .key("pk", key(format!("T#{}", tenant.id)))
        .key("sk", key(format!("TASK#{task}")));
    let update = update
        .update_expression("SET since = :since")
        .condition_expression("#state = :archiving");
    let update = update.expression_attribute_names("#state", "state");
    let update = update.expression_attribute_values(":archiving", key("archiving".to_owned()));
    let update = update.expression_attribute_values(":since", AttributeValue::N(since.to_string()));
    update.send().await.expect("the task is archiving");
}

#[tokio::test]
async fn a_tenant_without_its_bucket_pays_gets_the_provider_s_links_and_later_its_outputs() {
    let stack = Stack::start().await;
    let tenant = stack
        .tenant_with("acme", "1", json!({ "bucket": "fluxgate-test-later" }))
        .await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let refused = || async {
        tenant
            .steps(&task)
            .await
            .contains(&"archive_refused".to_owned())
            .then_some(())
    };
    eventually("a refusal", refused).await;

    age(&stack, &tenant, &task).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (&prediction["status"], &prediction["archived"]),
        (&json!("completed"), &json!(false)),
        "{prediction}"
    );
    assert_eq!(prediction["unarchived"]["reason"], "bucket_missing");
    let link = prediction["outputs"][0].as_str().unwrap();
    assert!(
        link.starts_with(&stack.emulator.base_url()) && !tenant.download(link).await.is_empty(),
        "{link}"
    );
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(
        receiver.about(&task, 1).await[0].json()["data"]["archived"],
        false
    );

    stack.create_bucket("fluxgate-test-later").await;
    assert_eq!(
        tenant
            .post(&format!("/v1/tasks/{task}/archive"), &json!({}))
            .await
            .status,
        202
    );
    let whole = eventually("the copy", || async {
        let prediction = tenant.result(&task).await;
        (prediction["archived"] == true).then_some(prediction)
    })
    .await;

    let link = whole["outputs"][0].as_str().unwrap();
    assert!(
        link.starts_with(stack.gateway_url()) && !tenant.download(link).await.is_empty(),
        "{link}"
    );
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(receiver.about(&task, 1).await.len(), 1);
}

/// The archiver has neither the provider's key nor its address: so the poller asks for new links.
#[tokio::test]
async fn a_dead_link_is_fetched_by_a_fresh_one_that_the_poller_asks_for() {
    let faults = Faults {
        stale_output_links: Fault::Always,
        ..Faults::default()
    };
    let emulator = EmulatorConfig {
        faults,
        ..emulator_config()
    };
    let stack = Stack::with(StackOptions {
        emulator,
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(tenant.ended(&task).await["archived"], true);
    let steps = tenant.steps(&task).await;
    assert!(steps.contains(&"links_refreshed".to_owned()), "{steps:?}");
    assert_eq!(tenant.balance_usd().await, 0.92);
}
