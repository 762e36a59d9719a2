//! Destinations that cannot be: refused when they are written, with the field and what to do.

use fluxgate_tests::odd_store::OtherStore;
use fluxgate_tests::{DnsServer, Gateway, GatewayOptions, eventually};
use serde_json::{Value, json};

use super::{gateway_to, with};

async fn change(gateway: &Gateway, destination: &Value) -> (u16, String, String) {
    let change = json!({ "destination": destination });
    let answer = gateway.operator().patch("/tenants/acme", &change).await;
    let status = answer.status.as_u16();
    (status, answer.text("/code"), answer.text("/field"))
}

fn refusal(code: &str, field: &str) -> (u16, String, String) {
    (400, code.to_owned(), field.to_owned())
}

#[tokio::test]
async fn a_destination_that_cannot_work_is_refused_by_its_field_and_nothing_changes() {
    let store = OtherStore::start();
    let (gateway, _) = gateway_to(&store.destination()).await;
    let before = gateway.operator().get("/tenants/acme").await.body;
    let role = "arn:aws:iam::210987654321:role/x";

    for (fields, code, field) in [
        (
            json!({ "endpoint": "http://x/y" }),
            "invalid_endpoint",
            "endpoint",
        ),
        (
            json!({ "endpoint": "https://u:p@x" }),
            "invalid_endpoint",
            "endpoint",
        ),
        (
            json!({ "endpoint": "ftp://x" }),
            "invalid_endpoint",
            "endpoint",
        ),
        (json!({ "endpoint": null }), "missing_parameter", "region"),
        (json!({ "region": "EU" }), "invalid_region", "region"),
        (
            json!({ "access_key_id": null }),
            "missing_parameter",
            "access_key_id",
        ),
        (
            json!({ "access_key_id": "a b" }),
            "invalid_parameter",
            "access_key_id",
        ),
        (json!({ "role_arn": role }), "invalid_role", "role_arn"),
        (
            json!({ "bucket_owner": "210987654321" }),
            "invalid_parameter",
            "bucket_owner",
        ),
        (
            json!({ "key_template": "{task}.png" }),
            "invalid_key_template",
            "key_template",
        ),
        (
            json!({ "storage_class": "GLACIER" }),
            "invalid_storage_class",
            "storage_class",
        ),
        (json!({ "kms_key": "a key" }), "invalid_kms_key", "kms_key"),
        (json!({ "outputs": "cdn" }), "missing_parameter", "cdn_url"),
        (
            json!({ "cdn_url": "https://x" }),
            "invalid_parameter",
            "cdn_url",
        ),
        (
            json!({ "outputs": "cdn", "cdn_url": "http://x" }),
            "invalid_cdn_url",
            "cdn_url",
        ),
    ] {
        let refused = change(&gateway, &with(&store.destination(), &fields)).await;

        assert_eq!(refused, refusal(code, field), "{fields}");
    }
    assert_eq!(gateway.operator().get("/tenants/acme").await.body, before);
    gateway.stop().await;
}

#[tokio::test]
async fn a_store_at_a_private_address_is_refused_also_when_its_name_turns_there_later() {
    let dns = DnsServer::start().await;
    dns.set("s3.store.example", "8.8.8.8", 0);
    dns.set("inside.store.example", "10.0.0.1", 0);
    let gateway = Gateway::with(GatewayOptions {
        allow_loopback: false,
        dns: Some(dns.clone()),
        ..GatewayOptions::default()
    })
    .await;
    gateway.tenant("acme", "1").await;
    let store = OtherStore::start();
    let at = |endpoint: &str| with(&store.destination(), &json!({ "endpoint": endpoint }));

    for endpoint in [
        store.endpoint().as_str(),
        "https://169.254.169.254",
        "https://inside.store.example",
        "http://s3.store.example",
    ] {
        let refused = change(&gateway, &at(endpoint)).await;
        assert_eq!(
            refused,
            refusal("forbidden_address", "endpoint"),
            "{endpoint}"
        );
    }
    let taken = change(&gateway, &at("https://s3.store.example")).await;
    assert_eq!(taken.0, 200, "{taken:?}");
    dns.set("s3.store.example", "127.0.0.1", 0);
    let probed = eventually("a refusal of the guard", || async {
        let path = "/tenants/acme/destination/probe";
        let probed = gateway.operator().post(path, &json!({})).await.body;
        let text = probed["checks"][0]["text"].as_str().unwrap().to_owned();
        text.contains("not public").then_some(probed)
    })
    .await;
    assert_eq!(probed["passed"], false, "{probed}");
    gateway.stop().await;
}
