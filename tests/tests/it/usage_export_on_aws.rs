//! The sweeper's export of usage into the operator's bucket.

use std::collections::BTreeMap;

use fluxgate_tests::{Stack, StackOptions, TestTenant};
use serde_json::{Value, json};

const BUCKET: &str = "billing";

fn exporting() -> StackOptions {
    let parameters = vec![
        ("UsageExportBucket", BUCKET.to_owned()),
        ("UsageExportPrefix", "usage/fluxgate".to_owned()),
    ];
    StackOptions {
        parameters,
        ..StackOptions::default()
    }
}

async fn sweep(stack: &Stack) -> Value {
    stack
        .function("sweeper")
        .invoke(json!({ "source": "aws.scheduler" }))
        .await
        .unwrap()["exported"]
        .take()
}

/// The objects of the bucket by their keys.
async fn objects(stack: &Stack) -> BTreeMap<String, String> {
    let url = format!("{}/{BUCKET}", stack.ministack.endpoint());
    let listing = reqwest::get(&url).await.unwrap().text().await.unwrap();
    let mut objects = BTreeMap::new();
    for key in listing
        .split("<Key>")
        .skip(1)
        .map(|rest| rest.split("</Key>").next().unwrap())
    {
        let body = reqwest::get(format!("{url}/{key}"))
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        objects.insert(key.to_owned(), body);
    }
    objects
}

fn events(body: &str) -> Vec<Value> {
    body.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

async fn run_one(tenant: &TestTenant) -> String {
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
    task
}

#[tokio::test]
async fn the_sweeper_puts_an_event_for_each_charge_into_the_bucket_and_none_twice() {
    let stack = Stack::with(exporting()).await;
    stack.create_bucket(BUCKET).await;
    let tenant = stack.tenant("acme", "1").await;
    let (one, two) = (run_one(&tenant).await, run_one(&tenant).await);

    let (first, again) = (sweep(&stack).await, sweep(&stack).await);
    let before = objects(&stack).await;
    let three = run_one(&tenant).await;
    let third = sweep(&stack).await;
    let after = objects(&stack).await;

    assert_eq!([first, again, third], [2, 0, 1]);
    assert_eq!((before.len(), after.len()), (1, 2));
    let (key, body) = before.first_key_value().unwrap();
    let day = events(body)[1]["time"].as_str().unwrap()[..10].replace('-', "/");
    assert!(
        key.starts_with(&format!("usage/fluxgate/acme/{day}/{one}-{two}-"))
            && key.ends_with(".jsonl"),
        "{key}"
    );
    let all: Vec<Value> = before
        .values()
        .chain(
            after
                .iter()
                .filter(|(key, _)| !before.contains_key(*key))
                .map(|(_, body)| body),
        )
        .flat_map(|body| events(body))
        .collect();
    assert_eq!(
        all.iter()
            .map(|event| event["id"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [&one, &two, &three]
    );
    assert_eq!(
        all.iter()
            .map(|event| event["data"]["charged_micro_usd"].as_i64().unwrap())
            .sum::<i64>(),
        240_000
    );
    let on_s3 = stack
        .calls
        .all()
        .into_iter()
        .filter(|call| call.function == "sweeper" && call.action.starts_with("s3:"));
    assert_eq!(
        on_s3.map(|call| call.action).collect::<Vec<_>>(),
        ["s3:PutObject"; 2],
        "what its role allows"
    );
}

#[tokio::test]
async fn a_bucket_that_is_missing_fails_the_sweep_and_nothing_is_lost() {
    let stack = Stack::with(exporting()).await;
    let tenant = stack.tenant("acme", "1").await;
    let task = run_one(&tenant).await;

    let failed = stack
        .function("sweeper")
        .invoke(json!({}))
        .await
        .unwrap_err();
    let log = stack.function("sweeper").log();
    stack.create_bucket(BUCKET).await;
    let exported = sweep(&stack).await;

    assert!(
        failed
            .to_string()
            .contains("audits, exports and removals that failed: 1, of 1 tenant"),
        "{failed}"
    );
    assert!(
        log.contains("could not export a tenant's usage")
            && log.contains("bucket 'billing' does not exist"),
        "{log}"
    );
    assert_eq!(exported, 1);
    assert_eq!(
        events(objects(&stack).await.values().next().unwrap())[0]["id"],
        task
    );
}
