//! Endpoints of kind `pull`, through the functions: no callback is ever sent, and a stream ends
//! with what there is.

use fluxgate_tests::{LiveReceiver, Stack, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn events_wait_to_be_read_and_a_stream_is_what_there_is() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;
    let created = tenant.created_endpoint(&json!({ "kind": "pull" })).await;
    let id = created.text("/id");
    let path = format!("/v1/events?endpoint={id}");
    assert_eq!(
        tenant.get(&format!("{path}&wait=20")).await.body["events"],
        json!([])
    );

    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;

    let page = tenant.get(&path).await;
    assert_eq!(page.text("/events/0/task_id"), task, "{:?}", page.body);
    assert_eq!(page.body["events"].as_array().map(Vec::len), Some(1));
    let stream = tenant
        .http()
        .get(tenant.url(&path))
        .header("accept", "text/event-stream");
    let stream = tenant.send(stream).await;
    assert_eq!(stream.headers["content-type"], "text/event-stream");
    let Value::String(text) = &stream.body else {
        panic!("a stream is text: {:?}", stream.body);
    };
    assert!(
        text.starts_with("retry: ") && text.contains(&task),
        "{text}"
    );

    let next = tenant
        .get(&format!("{path}&after={}", page.text("/next")))
        .await;
    assert_eq!(
        (next.status.as_u16(), &next.body["events"]),
        (200, &json!([]))
    );
    let deliveries = format!("/v1/deliveries?endpoint={id}");
    let listed = tenant.get(&deliveries).await;
    assert_eq!(listed.text("/deliveries/0/state"), "delivered");
    assert_eq!(listed.body["deliveries"][0]["attempts_made"], 0);
    let sample = tenant
        .post(&format!("/v1/endpoints/{id}/test"), &json!({}))
        .await;
    assert_eq!(sample.status, 200, "{:?}", sample.body);
    let page = tenant
        .get(&format!("{path}&after={}", next.text("/next")))
        .await;
    assert_eq!(page.text("/events/0/id"), sample.text("/event_id"));
    receiver.about(&task, 1).await;
    eventually("the other delivery", || async {
        let all = tenant.get(&format!("/v1/deliveries?task={task}")).await;
        let all = all.body["deliveries"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let delivered = all.iter().all(|one| one["state"] == "delivered");
        (all.len() == 2 && delivered).then_some(())
    })
    .await;
    super::calls_are_allowed(&stack);
}
