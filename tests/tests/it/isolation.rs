//! Tenants cannot see each other by any route.

use fluxgate_tests::{Gateway, LiveReceiver};
use serde_json::json;

#[tokio::test]
async fn another_tenant_s_ids_are_not_found_on_every_route() {
    let gateway = Gateway::start().await;
    let (owner, stranger) = (
        gateway.tenant("owner", "1").await,
        gateway.tenant("stranger", "1").await,
    );
    let receiver = LiveReceiver::start().await;
    let (endpoint, _) = owner.endpoint(&receiver.url("events")).await;
    let task = owner.submit(&owner.inputs().await).await;
    owner.ended(&task).await;

    for path in [
        format!("/api/v3/predictions/{task}/result"),
        format!("/api/v3/predictions/{task}"),
        format!("/api/v2/predictions/{task}/result"),
        format!("/v1/tasks/{task}/timeline"),
        format!("/v1/endpoints/{endpoint}"),
    ] {
        assert_eq!(owner.get(&path).await.status, 200, "{path}");
        assert_eq!(stranger.get(&path).await.status, 404, "{path}");
    }
    let deleted = stranger
        .send(
            stranger
                .http()
                .delete(stranger.url(&format!("/v1/endpoints/{endpoint}"))),
        )
        .await;
    assert_eq!(deleted.status, 404);
    let listed = stranger.post("/api/v3/predictions", &json!({})).await;
    assert_eq!(listed.body["data"]["items"], json!([]));
    assert_eq!(stranger.get("/v1/endpoints").await.body, json!([]));
    assert_eq!(stranger.balance_usd().await, 1.0);
}

#[tokio::test]
async fn each_tenant_has_a_webhook_secret_of_its_own() {
    let gateway = Gateway::start().await;
    let (one, other) = (
        gateway.tenant("one", "1").await,
        gateway.tenant("other", "1").await,
    );

    let secret = one.get("/api/v3/webhook/secret").await.text("/data/secret");

    assert!(secret.starts_with("whsec_"));
    assert_ne!(
        secret,
        other
            .get("/api/v3/webhook/secret")
            .await
            .text("/data/secret")
    );
    assert_ne!(secret, gateway.emulator.webhook_secret());
}

#[tokio::test]
async fn a_bucket_gives_nothing_without_a_signature() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    let link = prediction["outputs"][0].as_str().unwrap();
    let bare = link.split('?').next().unwrap();
    let answer = tenant.http().get(bare).send().await.unwrap();

    assert_eq!(answer.status(), 403);
}

#[tokio::test]
async fn a_webhook_path_that_was_never_given_out_is_not_found() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;

    for path in [
        format!("/hooks/acme/{task}/{}", "0".repeat(32)),
        format!("/hooks/acme/{}/x", "0".repeat(32)),
        "/hooks/../x/y".to_owned(),
    ] {
        let answer = gateway
            .http()
            .post(gateway.url(&path))
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 404, "{path}");
    }
}
