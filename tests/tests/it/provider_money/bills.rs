//! The search of the bill: its filters, its pages, and tasks that still run.

use std::time::Duration;

use fluxgate_core::time::Timestamp;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::{Value, json};

use super::ours;

#[tokio::test]
async fn a_running_task_is_on_the_bill_as_held() {
    let run_time = Duration::from_secs(600);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;

    let bill = ours(&tenant, "/api/v3/billings/search", Some(&json!({}))).await;

    let item = &bill["data"]["items"][0];
    assert_eq!(item["uuid"], task);
    assert_eq!(
        item["order"],
        json!({ "uuid": task, "state": "pre", "price": 0.08 })
    );
    assert!(["created", "processing"].contains(&item["prediction"]["status"].as_str().unwrap()));
}

/// The tasks on the bill that this query finds.
async fn found(tenant: &TestTenant, query: Value) -> Vec<String> {
    let bill = ours(tenant, "/api/v3/billings/search", Some(&query)).await;
    let items = bill["data"]["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["prediction"]["uuid"].as_str().unwrap().to_owned())
        .collect()
}

async fn created_at(tenant: &TestTenant, task: &str) -> Timestamp {
    let prediction = tenant.result(task).await;
    Timestamp::from_rfc3339(prediction["created_at"].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn the_bill_is_searched_by_run_time_kind_and_page() {
    let gateway = Gateway::start().await;
    let (tenant, other) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("other", "1").await,
    );
    let inputs = tenant.inputs().await;
    let mut tasks = Vec::new();
    for _ in 0..3 {
        tasks.push(tenant.submit(&inputs).await);
    }
    let foreign = other.submit(&inputs).await;
    for (tenant, task) in tasks
        .iter()
        .map(|task| (&tenant, task))
        .chain([(&other, &foreign)])
    {
        tenant.ended(task).await;
    }

    let found = async |query: Value| found(&tenant, query).await;
    let newest_first = [tasks[2].clone(), tasks[1].clone(), tasks[0].clone()];
    let (at, first) = (
        created_at(&tenant, &tasks[1]).await,
        created_at(&tenant, &tasks[0]).await,
    );

    assert_eq!(found(json!({})).await, newest_first);
    assert_eq!(found(json!({ "sort": "created_at asc" })).await, tasks);
    assert_eq!(
        found(json!({ "page": 2, "page_size": 2 })).await,
        tasks[..1]
    );
    assert_eq!(
        found(json!({ "billing_type": "deduct", "page_size": 1 })).await,
        tasks[2..]
    );
    assert_eq!(
        found(json!({ "billing_type": "recharge" })).await,
        Vec::<String>::new()
    );
    assert_eq!(
        found(json!({ "prediction_uuids": [tasks[0], foreign, "f".repeat(32), "x"] })).await,
        tasks[..1]
    );
    assert_eq!(
        found(json!({ "start_time": at.0.to_string(), "end_time": at.rfc3339() })).await,
        tasks[1..2]
    );
    assert_eq!(
        found(json!({ "end_time": first.0.to_string() })).await,
        tasks[..1]
    );
    let page = ours(
        &tenant,
        "/api/v3/billings/search",
        Some(&json!({ "page": 1, "page_size": 2 })),
    )
    .await;
    assert_eq!(
        (&page["data"]["has_more"], &page["data"]["total"]),
        (&json!(true), &json!(3))
    );
}
