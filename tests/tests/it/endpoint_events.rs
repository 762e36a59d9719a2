//! What an endpoint is told, and how: by its filter, with its headers, in full or thin.

use fluxgate_tests::{Gateway, LiveReceiver, TestTenant};
use serde_json::{Value, json};

#[tokio::test]
async fn headers_are_sent_with_every_callback_and_shown_to_nobody() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let body = json!({
        "url": receiver.url("events"),
        "headers": { "Authorization": "Basic dXNlcjpwYXNz", "X-Tenant.Id": "7" },
    });

    let created = tenant.created_endpoint(&body).await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let received = receiver.about(&task, 1).await.remove(0);

    assert_eq!(received.header("authorization"), "Basic dXNlcjpwYXNz");
    assert_eq!(received.header("x-tenant.id"), "7");
    assert_eq!(received.header("content-type"), "application/json");
    let id = created.text("/id");
    for shown in [
        created.body,
        tenant.get("/v1/endpoints").await.body,
        tenant.get(&format!("/v1/endpoints/{id}")).await.body,
        tenant.get("/v1/deliveries").await.body,
    ] {
        assert!(!shown.to_string().contains("dXNlcjpwYXNz"), "{shown}");
    }
}

/// The tasks that came to this path, in order.
fn heard(receiver: &LiveReceiver, path: &str) -> Vec<String> {
    let at = receiver
        .received()
        .into_iter()
        .filter(|received| received.path == format!("/{path}"));
    at.map(|received| received.task()).collect()
}

#[tokio::test]
async fn a_filter_lets_through_the_tasks_of_its_models_and_metadata() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    for (path, filter) in [
        ("shop-1", json!({ "metadata": { "shop": "1" } })),
        ("shop-2", json!({ "metadata": { "shop": "2" } })),
        (
            "model",
            json!({ "models": ["wavespeed-ai/flux-kontext-max"] }),
        ),
        (
            "other-model",
            json!({ "models": ["wavespeed-ai/flux-kontext-pro"] }),
        ),
        ("all", json!({})),
    ] {
        let body = json!({ "url": receiver.url(path), "filter": filter });
        tenant.created_endpoint(&body).await;
    }

    let inputs = tenant.inputs().await;
    let plain = tenant.submit(&inputs).await;
    let labelled = submit_labelled(&tenant, &inputs, r#"{"shop":"1","order":"42"}"#).await;
    receiver.about(&plain, 2).await;
    receiver.about(&labelled, 3).await;

    assert_eq!(tenant.result(&labelled).await["metadata"]["order"], "42");
    assert_eq!(heard(&receiver, "shop-1"), [labelled.as_str()]);
    for path in ["shop-2", "other-model"] {
        assert_eq!(heard(&receiver, path), [""; 0], "{path}");
    }
    for path in ["model", "all"] {
        let mut heard = heard(&receiver, path);
        let mut both = vec![plain.clone(), labelled.clone()];
        heard.sort();
        both.sort();
        assert_eq!(heard, both, "{path}");
    }
}

async fn submit_labelled(tenant: &TestTenant, inputs: &Value, metadata: &str) -> String {
    let model = fluxgate_tests::tenant::MODEL;
    let request = tenant
        .http()
        .post(tenant.url(&format!("/api/v3/{model}")))
        .header("Fluxgate-Metadata", metadata);
    let answer = tenant.send(request.json(inputs)).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    answer.text("/data/id")
}

#[tokio::test]
async fn a_thin_payload_is_an_id_and_the_link_that_reads_the_rest() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let body = json!({ "url": receiver.url("thin"), "payload": "thin" });
    tenant.created_endpoint(&body).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let told = receiver.about(&task, 1).await.remove(0).json();

    assert_eq!(told["type"], "task.completed");
    let link = told["data"]["urls"]["get"].as_str().unwrap().to_owned();
    assert_eq!(told["data"], json!({ "id": task, "urls": { "get": link } }));
    let path = link.strip_prefix(&gateway.server.base_url()).unwrap();
    let read = tenant.get(path).await;
    assert_eq!(read.status, 200, "{link}: {:?}", read.body);
    assert!(
        read.body.to_string().contains("completed"),
        "{:?}",
        read.body
    );
}
