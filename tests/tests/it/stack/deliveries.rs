//! Lists, replays and recoveries of deliveries, through the functions.

use fluxgate_tests::{LiveReceiver, Stack, TestTenant, eventually};
use serde_json::{Value, json};

async fn deliveries(tenant: &TestTenant, query: &str) -> Vec<Value> {
    let answer = tenant.get(&format!("/v1/deliveries{query}")).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.body["deliveries"].as_array().unwrap().clone()
}

async fn enable(tenant: &TestTenant, endpoint: &str, enabled: bool) {
    let path = tenant.url(&format!("/v1/endpoints/{endpoint}"));
    let change = tenant
        .http()
        .patch(path)
        .json(&json!({ "enabled": enabled }));
    assert_eq!(tenant.send(change).await.status, 200);
}

#[tokio::test]
async fn what_was_held_is_sent_once_its_endpoint_is_enabled_and_each_role_allows_it() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (endpoint, _) = tenant.endpoint(&receiver.url("events")).await;
    let first = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&first, 1).await;

    enable(&tenant, &endpoint, false).await;
    let held = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&held).await;
    let missed = deliveries(&tenant, &format!("?endpoint={endpoint}&state=held")).await;
    assert_eq!(missed.len(), 1);
    assert_eq!(missed[0]["task_id"], held);
    enable(&tenant, &endpoint, true).await;
    receiver.about(&held, 1).await;

    let all = eventually("both to be delivered", || async {
        let all = deliveries(&tenant, "?state=delivered").await;
        (all.len() == 2).then_some(all)
    })
    .await;
    assert_eq!(
        [&all[0]["task_id"], &all[1]["task_id"]],
        [&json!(held), &json!(first)]
    );
    let left = deliveries(
        &tenant,
        &format!("?endpoint={endpoint}&state=held,exhausted"),
    )
    .await;
    assert_eq!(left, [] as [Value; 0]);
    let replay = format!("/v1/deliveries/{}/replay", all[1]["id"].as_str().unwrap());
    let replayed = tenant.post(&replay, &json!({})).await;
    assert!(replayed.status.is_success(), "{:?}", replayed.body);
    receiver.about(&first, 2).await;
    super::calls_are_allowed(&stack);
}
