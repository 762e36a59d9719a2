//! A batch on the functions: the gateway takes it in, the poller admits it.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Stack, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn a_batch_travels_through_the_functions_and_goes_with_its_tenant() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "0.16").await;
    let line = json!({ "model": MODEL, "input": tenant.inputs().await, "reference": "x" });
    let body = format!("{line}\n{line}\nno json\n");
    let create = || {
        let request = tenant.http().post(tenant.url("/v1/batches"));
        request
            .header("idempotency-key", "monday")
            .body(body.clone())
    };

    let created = tenant.send(create()).await;
    let again = tenant.send(create()).await;

    assert_eq!(
        (created.status.as_u16(), again.status.as_u16()),
        (202, 200),
        "{:?}",
        created.body
    );
    let path = format!("/v1/batches/{}", created.text("/id"));
    let batch = eventually("the batch's end", || async {
        let batch = tenant.get(&path).await.body;
        (batch["state"] == "completed").then_some(batch)
    })
    .await;
    assert_eq!(
        (&batch["completed"], &batch["refused"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(tenant.balance_usd().await, 0.0);
    let results = tenant.get(&format!("{path}/results")).await.body;
    let results = results.as_str().unwrap().lines();
    let results: Vec<Value> = results
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    let states: Vec<_> = results
        .iter()
        .map(|it| it["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, ["completed", "completed", "refused"]);
    let url = results[0]["outputs"][0]["url"].as_str().unwrap();
    assert!(!tenant.download(url).await.is_empty());

    let delete = "/admin/v1/tenants/acme";
    let (status, _) = stack
        .admin_call(reqwest::Method::DELETE, delete, &Value::Null)
        .await;
    assert_eq!(status, 204);
    let partition = format!("BATCH#acme#{}", created.text("/id"));
    let left = stack.ministack.aws().dynamodb().query();
    let left = left
        .table_name(stack.table())
        .key_condition_expression("pk = :pk")
        .expression_attribute_values(":pk", AttributeValue::S(partition));
    assert_eq!(left.send().await.unwrap().count(), 0);
}
