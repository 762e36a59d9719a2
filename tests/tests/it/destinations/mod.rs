//! Outputs in stores that are not the gateway's own.

mod commands;
mod links;
mod odd_stores;
mod on_aws;
mod probes;
mod refused;
mod unreachable;
mod writing;

use fluxgate_tests::odd_store::BUCKET;
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::{Value, json};

/// A gateway with the tenant `acme`, whose outputs go there.
async fn gateway_to(destination: &Value) -> (Gateway, TestTenant) {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    redirect(&gateway, destination).await;
    (gateway, tenant)
}

async fn redirect(gateway: &Gateway, destination: &Value) {
    let change = json!({ "destination": destination });
    let changed = gateway.operator().patch("/tenants/acme", &change).await;
    assert_eq!(changed.status, 200, "{:?}", changed.body);
}

/// A destination with other values for some fields.
fn with(destination: &Value, fields: &Value) -> Value {
    let mut all = destination.clone();
    for (name, value) in fields.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

/// A completed task's prediction.
async fn completed(tenant: &TestTenant) -> Value {
    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;
    assert_eq!(prediction["status"], "completed", "{prediction}");
    prediction
}

/// The key of its only output.
fn key(prediction: &Value) -> String {
    let uri = prediction["objects"][0]["s3_uri"]
        .as_str()
        .unwrap_or_default();
    let key = uri.strip_prefix(&format!("s3://{BUCKET}/"));
    key.unwrap_or_else(|| panic!("{prediction}")).to_owned()
}
