//! Copies that a tenant requests after it has repaired its bucket.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, GatewayOptions, HiddenBucket, LiveReceiver, TestTenant, eventually};
use serde_json::json;

async fn archive(tenant: &TestTenant, task: &str) -> Answer {
    tenant
        .post(&format!("/v1/tasks/{task}/archive"), &json!({}))
        .await
}

fn refused(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.text("/code"))
}

async fn gateway(bounds: BoundsSettings) -> Gateway {
    let bounds = BoundsSettings {
        archive_max_ms: Some(1_000),
        ..bounds
    };
    Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await
}

/// How often a destination refused a copy.
async fn refusals(gateway: &Gateway) -> String {
    let text = gateway.metrics().await;
    let name = r#"fluxgate_destination_refusals_total{code="bucket_missing"} "#;
    let told = text.lines().find_map(|line| line.strip_prefix(name));
    told.unwrap_or_default().to_owned()
}

/// A task that was charged and whose output is not in the bucket.
async fn unarchived(gateway: &Gateway, tenant: &TestTenant) -> (String, HiddenBucket) {
    let bucket = HiddenBucket::of(gateway, tenant);
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["archived"], false);
    (task, bucket)
}

#[tokio::test]
async fn a_mended_bucket_gets_its_outputs_without_money_and_without_a_second_callback() {
    let gateway = gateway(quick()).await;
    let (tenant, receiver) = (
        gateway.tenant("acme", "1").await,
        LiveReceiver::start().await,
    );
    tenant.endpoint(&receiver.url("events")).await;
    let (task, bucket) = unarchived(&gateway, &tenant).await;
    receiver.about(&task, 1).await;
    bucket.bring_back();

    let asking = (0..8).map(|_| {
        let (tenant, task) = (tenant.clone(), task.clone());
        tokio::spawn(async move { archive(&tenant, &task).await })
    });
    let mut asked = Vec::new();
    for answer in asking.collect::<Vec<_>>() {
        asked.push(answer.await.unwrap());
    }
    let prediction = eventually("the copy", || async {
        let prediction = tenant.result(&task).await;
        (prediction["archived"] == true).then_some(prediction)
    })
    .await;

    assert!(asked.iter().all(|answer| answer.status == 202), "{asked:?}");
    assert_eq!(asked[0].text("/id"), task);
    let steps = tenant.steps(&task).await;
    assert_eq!(
        steps.iter().filter(|name| *name == "archive_asked").count(),
        1,
        "{steps:?}"
    );
    assert_eq!(steps.last().map(String::as_str), Some("archived_again"));
    assert!(
        prediction["objects"][0]["s3_uri"]
            .as_str()
            .unwrap()
            .starts_with("s3://fluxgate-acme/"),
        "{prediction}"
    );
    assert!(prediction.get("unarchived").is_none(), "{prediction}");
    assert!(
        !tenant
            .download(prediction["outputs"][0].as_str().unwrap())
            .await
            .is_empty()
    );
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(receiver.about(&task, 1).await.len(), 1);
    assert_eq!(
        tenant.get("/v1/usage").await.body["total"]["unarchived"],
        1,
        "as it was charged"
    );
    assert_eq!(
        refused(&archive(&tenant, &task).await),
        (409, "nothing_to_archive".to_owned())
    );
}

#[tokio::test]
async fn a_bucket_that_refuses_again_is_told_and_may_be_asked_for_later() {
    let gateway = gateway(BoundsSettings {
        archive_again_ms: Some(500),
        ..quick()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let (task, bucket) = unarchived(&gateway, &tenant).await;
    let fetched = gateway.emulator.request_count("output");
    let before = refusals(&gateway).await;

    archive(&tenant, &task).await;
    eventually("another refusal", || async {
        (refusals(&gateway).await != before).then_some(())
    })
    .await;
    // A bucket that is not there is found out before anything is fetched for it.
    assert_eq!(gateway.emulator.request_count("output"), fetched);
    bucket.bring_back();
    eventually("the copy", || async {
        archive(&tenant, &task).await;
        (tenant.result(&task).await["archived"] == true).then_some(())
    })
    .await;

    assert_eq!(tenant.balance_usd().await, 0.92);
}

#[tokio::test]
async fn there_is_nothing_to_archive_again_of_other_tasks() {
    let gateway = gateway(quick()).await;
    let (tenant, stranger) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("other", "1").await,
    );
    let (task, _bucket) = unarchived(&gateway, &tenant).await;
    let whole = stranger.submit(&stranger.inputs().await).await;
    stranger.ended(&whole).await;

    assert_eq!(
        refused(&archive(&stranger, &task).await),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        refused(&archive(&tenant, "no-task").await),
        (404, "not_found".to_owned())
    );
    assert_eq!(
        refused(&archive(&stranger, &whole).await),
        (409, "nothing_to_archive".to_owned())
    );
}

#[tokio::test]
async fn links_that_have_expired_are_not_copied() {
    let gateway = gateway(BoundsSettings {
        outputs_kept_ms: Some(1),
        ..quick()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let (task, bucket) = unarchived(&gateway, &tenant).await;
    bucket.bring_back();

    let answer = archive(&tenant, &task).await;

    assert_eq!(
        refused(&answer),
        (410, "outputs_expired".to_owned()),
        "{:?}",
        answer.body
    );
    assert_eq!(tenant.result(&task).await["archived"], false);
}
