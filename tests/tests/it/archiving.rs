//! Buckets that refuse outputs: the tenant sees why while it can still mend it, and is charged when
//! it does not.

use std::path::PathBuf;
use std::time::Duration;

use fluxgate_core::app::check_books;
use fluxgate_core::port::TenantStore as _;
use fluxgate_emulator::{Fault, Faults};
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions, HiddenBucket, LiveReceiver, TestTenant, eventually};
use serde_json::{Value, json};

/// Outputs are refused for a moment only.
async fn hurried() -> Gateway {
    let bounds = BoundsSettings {
        archive_max_ms: Some(2_000),
        ..quick()
    };
    Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await
}

/// The details of the steps that say why nothing was copied.
async fn refusals(tenant: &TestTenant, task: &str) -> Vec<String> {
    let timeline = tenant.timeline(task).await;
    let steps = timeline["steps"].as_array().cloned().unwrap_or_default();
    let refused = steps
        .iter()
        .filter(|step| step["name"] == "archive_refused");
    refused
        .map(|step| step["detail"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn a_bucket_that_is_missing_is_told_in_the_timeline_and_waited_for() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let bucket = HiddenBucket::of(&gateway, &tenant);
    let task = tenant.submit(&tenant.inputs().await).await;
    let told = eventually("a refusal in the timeline", || async {
        refusals(&tenant, &task).await.pop()
    })
    .await;
    assert!(
        told.starts_with("bucket_missing: ") && told.contains("fluxgate-acme"),
        "{told}"
    );

    bucket.bring_back();

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(refusals(&tenant, &task).await.len(), 1);
    gateway.stop().await;
}

/// All that the gateway says of a task, wherever it says it.
async fn told(tenant: &TestTenant, task: &str) -> String {
    let list = tenant.post("/api/v3/predictions", &json!({})).await.body;
    format!(
        "{} {} {list}",
        tenant.result(task).await,
        tenant.timeline(task).await
    )
}

#[tokio::test]
async fn a_tenant_whose_bucket_stays_missing_pays_and_gets_the_provider_s_links() {
    let gateway = hurried().await;
    let (tenant, receiver) = (
        gateway.tenant("acme", "1").await,
        LiveReceiver::start().await,
    );
    tenant.endpoint(&receiver.url("events")).await;
    let _bucket = HiddenBucket::of(&gateway, &tenant);

    let task = tenant.submit(&tenant.inputs().await).await;
    eventually("a refusal", || async {
        refusals(&tenant, &task).await.pop()
    })
    .await;
    let before = told(&tenant, &task).await;
    let prediction = tenant.ended(&task).await;

    assert!(
        !before.contains("/outputs/"),
        "a link before the charge: {before}"
    );
    assert_eq!(
        (&prediction["status"], &prediction["archived"]),
        (&json!("completed"), &json!(false)),
        "{prediction}"
    );
    assert_eq!(prediction["unarchived"]["reason"], "bucket_missing");
    assert!(
        prediction["unarchived"]["message"]
            .as_str()
            .unwrap()
            .contains("create it"),
        "{prediction}"
    );
    let expires_at = prediction["unarchived"]["expires_at"].clone();
    assert_eq!(
        prediction["objects"],
        json!([{ "archived": false, "expires_at": expires_at }])
    );
    let link = prediction["outputs"][0].as_str().unwrap();
    assert!(
        link.starts_with(&gateway.emulator.base_url()) && !tenant.download(link).await.is_empty(),
        "{link}"
    );
    assert_eq!(
        (&prediction["charged_usd"], tenant.balance_usd().await),
        (&json!(0.08), 0.92)
    );
    assert_eq!(receiver.about(&task, 1).await[0].json()["data"], prediction);
    assert_eq!(
        tenant.timeline(&task).await["unarchived"],
        prediction["unarchived"]
    );
    the_books_tell_it(&gateway, &tenant).await;
}

/// Charged as any other, and said to be unarchived.
async fn the_books_tell_it(gateway: &Gateway, tenant: &TestTenant) {
    let usage = tenant.get("/v1/usage").await.body["total"].clone();
    assert_eq!(
        (&usage["completed"], &usage["unarchived"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(usage["charged_micro_usd"], 80_000);
    let store = &gateway.server.folder().store;
    assert_eq!(check_books(store, &tenant.id).await.unwrap(), []);
    let report = gateway.operator().get("/reconcile").await.body;
    assert_eq!(
        (&report["findings"], &report["totals"]["charged_micro_usd"]),
        (&json!([]), &json!(80_000))
    );
}

#[tokio::test]
async fn a_tenant_that_is_set_to_release_is_not_charged_and_sees_no_link() {
    let gateway = hurried().await;
    let tenant = gateway.tenant("acme", "1").await;
    let set = gateway
        .operator()
        .patch("/tenants/acme", &json!({ "unarchived": "release" }))
        .await;
    assert_eq!(
        (set.status.as_u16(), &set.body["unarchived"]),
        (200, &json!("release")),
        "{:?}",
        set.body
    );
    let _bucket = HiddenBucket::of(&gateway, &tenant);

    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (&prediction["status"], &prediction["reason"]),
        (&json!("failed"), &json!("bucket_missing"))
    );
    assert!(
        prediction["error"].as_str().unwrap().contains("create it"),
        "{prediction}"
    );
    assert!((tenant.balance_usd().await - 1.0).abs() < 1e-9);
    let all = told(&tenant, &task).await;
    assert!(!all.contains("/outputs/"), "{all}");
}

#[tokio::test]
async fn what_cannot_be_done_with_unarchived_outputs_is_refused() {
    let gateway = Gateway::start().await;
    gateway.tenant("acme", "1").await;

    let answer = gateway
        .operator()
        .patch("/tenants/acme", &json!({ "unarchived": "keep" }))
        .await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (400, "unarchived")
    );
    let stored = gateway
        .server
        .folder()
        .store
        .get(&"acme".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(stored.unarchived.as_str(), "charge");
}

#[tokio::test]
async fn outputs_that_the_provider_does_not_give_are_not_charged_whatever_the_bucket() {
    let gateway = hurried().await;
    let tenant = gateway.tenant("acme", "1").await;
    let _bucket = HiddenBucket::of(&gateway, &tenant);
    let inputs = tenant.inputs().await;
    gateway.emulator.set_faults(Faults {
        truncated_output: Fault::Always,
        ..Faults::default()
    });

    let task = tenant.submit(&inputs).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (&prediction["status"], &prediction["reason"]),
        (&json!("failed"), &json!("output_unavailable"))
    );
    assert!((tenant.balance_usd().await - 1.0).abs() < 1e-9);
}

/// Lays a file of the tenant's own where the second output of a task is to lie.
fn block_second_output(gateway: &Gateway, tenant: &TestTenant, task: &Value) -> Vec<PathBuf> {
    let day = task["created_at"].as_str().unwrap()[..10].replace('-', "/");
    let bucket = gateway
        .server
        .folder()
        .buckets()
        .join(format!("fluxgate-{}", tenant.id));
    let folder = bucket.join(day).join(task["id"].as_str().unwrap());
    std::fs::create_dir_all(&folder).unwrap();
    let files: Vec<PathBuf> = ["jpg", "png"]
        .map(|extension| folder.join(format!("1.{extension}")))
        .into();
    files
        .iter()
        .for_each(|file| std::fs::write(file, "the tenant's own").unwrap());
    files
}

async fn submit_two(gateway: &Gateway, tenant: &TestTenant) -> (String, Vec<PathBuf>) {
    let inputs = json!({ "prompt": "dunes", "num_images": 2 });
    let answer = tenant.post("/api/v3/wavespeed-ai/flux-dev", &inputs).await;
    let blocking = block_second_output(gateway, tenant, &answer.body["data"]);
    (answer.text("/data/id"), blocking)
}

/// Runs that take long enough for a file to be put at the key of their outputs.
async fn unhurried() -> Gateway {
    let bounds = BoundsSettings {
        archive_max_ms: Some(2_500),
        ..quick()
    };
    let run_time = Duration::from_secs(2);
    Gateway::with(GatewayOptions {
        bounds,
        run_time,
        ..GatewayOptions::default()
    })
    .await
}

/// The second output was refused from the beginning; the first was copied while the bucket was
/// there.
#[tokio::test]
async fn what_was_copied_before_the_bucket_went_is_kept() {
    let gateway = unhurried().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (task, _) = submit_two(&gateway, &tenant).await;

    eventually("one copy", || async {
        tenant
            .steps(&task)
            .await
            .contains(&"copied".to_owned())
            .then_some(())
    })
    .await;
    let _bucket = HiddenBucket::of(&gateway, &tenant);
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (&prediction["status"], &prediction["archived"]),
        (&json!("completed"), &json!(false)),
        "{prediction}"
    );
    let archived: Vec<bool> = objects(&prediction)
        .iter()
        .map(|object| object["archived"] == true)
        .collect();
    assert_eq!(archived, [true, false], "{prediction}");
    assert_eq!(tenant.balance_usd().await, 0.976);
}

#[tokio::test]
async fn a_task_of_which_one_output_is_refused_downloads_both_and_is_completed_by_a_later_copy() {
    let gateway = unhurried().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (task, blocking) = submit_two(&gateway, &tenant).await;
    let mixed = tenant.ended(&task).await;

    assert_eq!(
        (&mixed["archived"], &mixed["unarchived"]["reason"]),
        (&json!(false), &json!("bucket_key_taken"))
    );
    for (n, from_provider) in [false, true].into_iter().enumerate() {
        let link = mixed["outputs"][n].as_str().unwrap();
        assert_eq!(
            link.starts_with(&gateway.emulator.base_url()),
            from_provider,
            "{mixed}"
        );
        assert!(!tenant.download(link).await.is_empty());
    }
    blocking
        .iter()
        .for_each(|file| std::fs::remove_file(file).unwrap());
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

    let keys: Vec<String> = objects(&whole)
        .iter()
        .map(|object| object["s3_uri"].to_string())
        .collect();
    assert!(
        keys[0].contains("/0.") && keys[1].contains("/1."),
        "{keys:?}"
    );
    assert_eq!(objects(&whole)[0], objects(&mixed)[0]);
    assert_eq!(tenant.balance_usd().await, 0.976);
}

fn objects(prediction: &Value) -> Vec<Value> {
    prediction["objects"]
        .as_array()
        .cloned()
        .unwrap_or_default()
}
