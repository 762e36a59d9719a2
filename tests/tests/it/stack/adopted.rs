//! A stack over a table that it did not make, such as a restored one.

use aws_sdk_dynamodb::types::AttributeValue;
use fluxgate_tests::aws_stores::create_table;
use fluxgate_tests::{Stack, StackOptions, eventually};
use serde_json::json;

const RESTORED: &str = "restored";

/// Status and code of a request to each function that answers any.
async fn answers(stack: &Stack) -> [(u16, String); 3] {
    let gateway = format!("{}/v1/tasks", stack.gateway_url());
    let tenants = reqwest::Client::new().get(gateway).bearer_auth("nobody's");
    let tenants = tenants.send().await.unwrap();
    let status = tenants.status().as_u16();
    assert_eq!(tenants.headers().contains_key("retry-after"), status == 503);
    let body: serde_json::Value = tenants.json().await.unwrap();
    let admin = stack
        .admin("/admin/v1/tenants", &json!({ "id": "?" }))
        .await;
    let hook = json!({
        "version": "2.0", "rawPath": "/hooks/acme/t/x", "headers": {}, "body": "{}",
        "requestContext": { "http": { "method": "POST", "path": "/hooks/acme/t/x" } },
    });
    let hook = stack.function("receiver").invoke(hook).await.unwrap();
    let code = |body: &serde_json::Value| body["code"].as_str().unwrap_or_default().to_owned();
    let hook_body = hook["body"].as_str().unwrap_or_default();
    let hook_body = serde_json::from_str(hook_body).unwrap_or_default();
    let hook_status = u16::try_from(hook["statusCode"].as_u64().unwrap()).unwrap();
    [
        (status, code(&body)),
        (admin.0, code(&admin.1)),
        (hook_status, code(&hook_body)),
    ]
}

/// One of the items of a copy that is not whole yet, and its end.
async fn half_copied(stack: &Stack) -> [(u16, String); 3] {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let dynamodb = stack.ministack.aws().dynamodb();
    let put = dynamodb.put_item().table_name(RESTORED);
    let put = put.item("pk", text("TENANTS")).item("sk", text("acme"));
    put.send().await.unwrap();
    let answers = answers(stack).await;
    let delete = dynamodb.delete_item().table_name(RESTORED);
    let delete = delete.key("pk", text("TENANTS")).key("sk", text("acme"));
    delete.send().await.unwrap();
    answers
}

async fn put_version(stack: &Stack, version: &str) {
    let put = stack.ministack.aws().dynamodb().put_item();
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let number = |number: &str| AttributeValue::N(number.to_owned());
    let put = put.table_name(RESTORED).item("pk", text("FLUXGATE"));
    let put = put.item("sk", text("SCHEMA"));
    let put = put.item("version", number(version));
    put.item("days_since", number("0")).send().await.unwrap();
}

/// DynamoDB says of a table that is still being restored what it says of one that is not there.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_GetItem.html#API_GetItem_Errors>
#[tokio::test(flavor = "multi_thread")]
async fn until_an_adopted_table_can_be_used_callers_get_503_and_then_all_goes_on_by_itself() {
    let stack = Stack::with(StackOptions {
        parameters: vec![("ExistingTableName", RESTORED.to_owned())],
        ..StackOptions::default()
    })
    .await;
    let aws = stack.ministack.aws();
    let refused = |code: &str| [(); 3].map(|()| (503, code.to_owned()));

    let restoring = answers(&stack).await;
    create_table(aws, RESTORED).await;
    let foreign = answers(&stack).await;
    let written = aws.dynamodb().scan().table_name(RESTORED).send().await;
    let half = half_copied(&stack).await;
    put_version(&stack, "2").await;
    let of_another = answers(&stack).await;
    put_version(&stack, "1").await;

    assert_eq!(restoring, refused("table_missing"));
    assert_eq!(foreign, refused("table_foreign"));
    assert_eq!(
        written.unwrap().count,
        0,
        "a stranger's table stays as it is"
    );
    assert_eq!(half, refused("table_half_restored"));
    assert_eq!(of_another, refused("schema_version"));
    for (function, said) in [
        ("gateway", "it is not ACTIVE yet, as while it is restored"),
        ("receiver", "correct the parameter ExistingTableName"),
        ("gateway", "wait until its copy is whole"),
        ("admin", "has schema version 2 and this program knows 1"),
        ("poller", "it is not ACTIVE yet, as while it is restored"),
    ] {
        let log = stack.function(function).log();
        assert!(log.contains(said), "{function}: {log}");
    }
    let tenant = eventually("a tenant", || async {
        (answers(&stack).await[1].0 != 503).then_some(())
    });
    tenant.await;
    let tenant = stack.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
}
