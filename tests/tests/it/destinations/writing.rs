//! Objects land where the destination says, and their links lead there.

use fluxgate_tests::odd_store::{OtherStore, SECRET_KEY};
use serde_json::json;

use super::{completed, gateway_to, key, redirect};

#[tokio::test]
async fn outputs_go_to_a_store_with_an_endpoint_and_keys_of_its_own_and_links_lead_there() {
    let store = OtherStore::start();
    let (gateway, tenant) = gateway_to(&store.destination()).await;

    let prediction = completed(&tenant).await;

    let link = prediction["outputs"][0].as_str().unwrap();
    let stored = store.object(&key(&prediction));
    assert!(link.starts_with(&store.endpoint()), "{link}");
    assert!(key(&prediction).starts_with("out/"), "{prediction}");
    assert_eq!(Some(tenant.download(link).await), stored);
    assert_eq!(prediction["charged_usd"], json!(0.08));
    gateway.stop().await;
}

#[tokio::test]
async fn outputs_are_linked_where_they_lie_after_the_destination_has_changed() {
    let store = OtherStore::start();
    let (gateway, tenant) = gateway_to(&json!({ "bucket": "fluxgate-acme" })).await;
    let first = completed(&tenant).await;
    redirect(&gateway, &store.destination()).await;
    let second = completed(&tenant).await;
    redirect(
        &gateway,
        &json!({ "bucket": "fluxgate-acme", "prefix": "p" }),
    )
    .await;

    for prediction in [&first, &second] {
        let id = prediction["id"].as_str().unwrap();
        let read = tenant.result(id).await;

        let link = read["outputs"][0].as_str().unwrap();
        assert!(!tenant.download(link).await.is_empty(), "{link}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_store_s_secret_is_sealed_and_never_shown_and_stays_until_endpoint_or_key_change() {
    let store = OtherStore::start();
    let (gateway, tenant) = gateway_to(&store.destination()).await;
    let operator = gateway.operator();
    let mut again = store.destination();
    again.as_object_mut().unwrap().remove("secret_access_key");
    again["prefix"] = json!("elsewhere");

    redirect(&gateway, &again).await;

    assert!(key(&completed(&tenant).await).starts_with("elsewhere/"));
    for path in ["/tenants/acme", "/tenants", "/audit"] {
        let told = operator.get(path).await.body.to_string();
        assert!(
            !told.contains(SECRET_KEY) && !told.contains("enc1."),
            "{told}"
        );
    }
    let shown = operator.get("/tenants/acme").await.body["destination"].clone();
    assert_eq!(shown["endpoint"], store.endpoint());
    assert!(shown.get("secret_access_key").is_none(), "{shown}");
    again["access_key_id"] = json!("AKIAANOTHER");
    let change = json!({ "destination": again });
    let refused = operator.patch("/tenants/acme", &change).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text("/field")),
        (400, "secret_access_key".to_owned()),
        "{:?}",
        refused.body
    );
    let status = operator.get("/encryption").await.body;
    assert_eq!(status["plain_secrets"], 0, "{status}");
    let folder = &gateway.server.folder().path;
    for file in ["fluxgate.db", "fluxgate.db-wal"] {
        let bytes = std::fs::read(folder.join(file)).unwrap_or_default();
        let secret = SECRET_KEY.as_bytes();
        assert!(
            !bytes.windows(secret.len()).any(|part| part == secret),
            "{file}"
        );
    }
    gateway.stop().await;
}
