//! What `outputs[]` are, and outputs that are not archived at all.

use fluxgate_core::app::check_books;
use fluxgate_tests::LiveReceiver;
use fluxgate_tests::odd_store::{BUCKET, OtherStore};
use serde_json::json;

use super::{completed, gateway_to, key, redirect, with};

#[tokio::test]
async fn outputs_are_s3_uris_or_urls_of_a_cdn_and_stay_what_they_were() {
    let store = OtherStore::start();
    let uris = with(&store.destination(), &json!({ "outputs": "s3" }));
    let (gateway, tenant) = gateway_to(&uris).await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let first = completed(&tenant).await;
    let cdn = json!({ "outputs": "cdn", "cdn_url": "https://cdn.example/files/" });
    redirect(&gateway, &with(&store.destination(), &cdn)).await;
    let second = completed(&tenant).await;

    let first = tenant.result(first["id"].as_str().unwrap()).await;
    assert_eq!(
        first["outputs"],
        json!([format!("s3://{BUCKET}/{}", key(&first))])
    );
    let url = format!("https://cdn.example/files/{}", key(&second));
    assert_eq!(second["outputs"], json!([url]));
    let id = second["id"].as_str().unwrap();
    assert_eq!(receiver.about(id, 1).await[0].json()["data"], second);
    assert!(store.object(&key(&second)).is_some());
    gateway.stop().await;
}

#[tokio::test]
async fn a_tenant_without_archiving_gets_the_provider_s_links_at_once_and_pays() {
    let store = OtherStore::start();
    let off = with(&store.destination(), &json!({ "archive": "off" }));
    let (gateway, tenant) = gateway_to(&off).await;

    let prediction = completed(&tenant).await;

    let link = prediction["outputs"][0].as_str().unwrap();
    assert!(link.starts_with(&gateway.emulator.base_url()), "{link}");
    assert!(!tenant.download(link).await.is_empty());
    assert_eq!(
        (&prediction["archived"], &prediction["unarchived"]["reason"]),
        (&json!(false), &json!("archive_off"))
    );
    assert_eq!(
        (&prediction["charged_usd"], tenant.balance_usd().await),
        (&json!(0.08), 0.92)
    );
    let id = prediction["id"].as_str().unwrap();
    let again = tenant
        .post(&format!("/v1/tasks/{id}/archive"), &json!({}))
        .await;
    assert_eq!(again.status, 409, "{:?}", again.body);
    let books = &gateway.server.folder().store;
    assert_eq!(check_books(books, &tenant.id).await.unwrap(), []);
    redirect(&gateway, &store.destination()).await;
    let again = tenant
        .post(&format!("/v1/tasks/{id}/archive"), &json!({}))
        .await;
    assert_eq!(again.status, 202, "{:?}", again.body);
    gateway.stop().await;
}
