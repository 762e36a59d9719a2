//! Buckets that resist: the tenant sees why while it can still be mended, and what stood in the way when it was not.

use std::fs;
use std::path::PathBuf;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};

/// The tenant's bucket, hidden from the S3 server.
struct HiddenBucket {
    place: PathBuf,
    hidden: PathBuf,
}

impl HiddenBucket {
    fn of(gateway: &Gateway, tenant: &TestTenant) -> Self {
        let place = gateway.server.folder().buckets().join(format!("fluxgate-{}", tenant.id));
        let hidden = gateway.server.folder().path.join("hidden-bucket");
        fs::rename(&place, &hidden).unwrap();
        Self { place, hidden }
    }

    fn bring_back(&self) {
        fs::rename(&self.hidden, &self.place).unwrap();
    }
}

/// The details of the steps that say why nothing was copied.
async fn refusals(tenant: &TestTenant, task: &str) -> Vec<String> {
    let timeline = tenant.timeline(task).await;
    let steps = timeline["steps"].as_array().cloned().unwrap_or_default();
    let refused = steps.iter().filter(|step| step["name"] == "archive_refused");
    refused.map(|step| step["detail"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_missing_is_told_in_the_timeline_and_waited_for() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let bucket = HiddenBucket::of(&gateway, &tenant);
    let task = tenant.submit(&tenant.inputs().await).await;
    let told = eventually("a refusal in the timeline", || async { refusals(&tenant, &task).await.pop() }).await;
    assert!(told.starts_with("bucket_missing: ") && told.contains("fluxgate-acme"), "{told}");

    bucket.bring_back();

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(refusals(&tenant, &task).await.len(), 1);
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_whose_bucket_stays_missing_fails_with_that_reason_and_costs_nothing() {
    let bounds = BoundsSettings { archive_max_ms: Some(2_000), ..quick() };
    let gateway = Gateway::with(GatewayOptions { bounds, ..GatewayOptions::default() }).await;
    let tenant = gateway.tenant("acme", "1").await;
    let _bucket = HiddenBucket::of(&gateway, &tenant);

    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    assert_eq!((&prediction["status"], &prediction["reason"]), (&"failed".into(), &"bucket_missing".into()));
    assert!(prediction["error"].as_str().unwrap().contains("create it"), "{prediction}");
    assert!((tenant.balance_usd().await - 1.0).abs() < 1e-9);
    gateway.stop().await;
}
