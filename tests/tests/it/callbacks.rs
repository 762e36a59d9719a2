//! Signed callbacks, and their retries when the receiver refuses them.

use fluxgate_tests::{Gateway, LiveReceiver, eventually};
use serde_json::Value;

async fn delivery(tenant: &fluxgate_tests::TestTenant, task: &str, state: &str) -> Value {
    eventually(&format!("a delivery that is {state}"), || async {
        let timeline = tenant.timeline(task).await;
        let deliveries = timeline["deliveries"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        deliveries
            .into_iter()
            .find(|delivery| delivery["state"] == state)
    })
    .await
}

#[tokio::test]
async fn a_failing_receiver_is_tried_again_with_the_same_id_and_a_fresh_signature() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (_, secret) = tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500, 302, 404]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let tries = receiver.about(&task, 4).await;

    let verifier = standardwebhooks::Webhook::new(&secret).unwrap();
    for received in &tries {
        verifier.verify(&received.body, &received.headers).unwrap();
        assert_eq!(received.header("webhook-id"), tries[0].header("webhook-id"));
        assert_eq!(received.body, tries[0].body, "two events have the same id");
        let stamped: i64 = received.header("webhook-timestamp").parse().unwrap();
        assert!(
            (received.at_ms / 1000 - stamped).abs() <= 2,
            "the timestamp is not of this attempt"
        );
    }
    let delivered = delivery(&tenant, &task, "delivered").await;
    let statuses: Vec<u64> = delivered["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|try_| try_["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [500, 302, 404, 204]);
}

#[tokio::test]
async fn a_receiver_that_never_answers_well_exhausts_the_schedule() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[500; 20]);

    let task = tenant.submit(&tenant.inputs().await).await;
    let exhausted = delivery(&tenant, &task, "exhausted").await;

    assert_eq!(exhausted["attempts"].as_array().unwrap().len(), 5);
    assert_eq!(tenant.result(&task).await["status"], "completed");
}

#[tokio::test]
async fn a_410_disables_the_endpoint_and_its_later_events_are_held() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (endpoint, _) = tenant.endpoint(&receiver.url("events")).await;
    receiver.answer(&[410]);

    let inputs = tenant.inputs().await;
    let first = tenant.submit(&inputs).await;
    receiver.about(&first, 1).await;
    delivery(&tenant, &first, "held").await;
    let second = tenant.submit(&inputs).await;
    tenant.ended(&second).await;

    assert_eq!(
        tenant.get(&format!("/v1/endpoints/{endpoint}")).await.body["enabled"],
        false
    );
    delivery(&tenant, &second, "held").await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn an_endpoint_hears_only_of_the_events_it_wants() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let body =
        serde_json::json!({ "url": receiver.url("failures"), "event_types": ["task.failed"] });
    assert_eq!(tenant.post("/v1/endpoints", &body).await.status, 201);
    tenant.endpoint(&receiver.url("all")).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    receiver.about(&task, 1).await;

    assert_eq!(
        tenant.timeline(&task).await["deliveries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_webhook_given_at_submit_is_called_as_the_provider_would() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let secret = tenant
        .get("/api/v3/webhook/secret")
        .await
        .text("/data/secret");
    let inputs = tenant.inputs().await;
    let mut in_body = inputs.clone();
    in_body["webhook_url"] = receiver.url("body").into();

    let url = format!(
        "/api/v3/wavespeed-ai/flux-kontext-max?webhook={}",
        receiver.url("query")
    );
    let by_query = tenant.post(&url, &inputs).await.text("/data/id");
    let by_body = tenant.submit(&in_body).await;

    for task in [by_query, by_body] {
        let received = receiver.about(&task, 1).await.remove(0);
        let body = received.json();
        assert_eq!(
            (body["id"].as_str(), body["status"].as_str()),
            (Some(task.as_str()), Some("completed"))
        );
        assert_eq!(received.header("webhook-signature"), v3(&secret, &received));
    }
}

/// The provider's dialect, by the signer that the contract's own vector pins.
fn v3(secret: &str, received: &fluxgate_tests::receiver::Received) -> String {
    use fluxgate_core::secret::Secret;
    use fluxgate_core::webhook::v3;
    let seconds: i64 = received.header("webhook-timestamp").parse().unwrap();
    let at = fluxgate_core::time::Timestamp(seconds * 1000);
    v3::sign(
        &[Secret::new(secret)],
        received.header("webhook-id"),
        at,
        &received.body,
    )
    .signature
}
