//! Requests that are held open end with their key.

use std::time::{Duration, Instant};

use fluxgate_tests::gateway::GatewayOptions;
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::json;

use super::{key, made, revoke};

/// Longer than the test takes.
const RUN: Duration = Duration::from_secs(60);

/// Reads a stream to its end, and says how long that took.
async fn read_out(caller: &TestTenant, path: &str) -> Duration {
    let request = caller
        .http()
        .get(caller.url(path))
        .bearer_auth(&caller.token);
    let request = request.header("accept", "text/event-stream");
    let mut response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let begun = Instant::now();
    while response.chunk().await.unwrap().is_some() {}
    begun.elapsed()
}

#[tokio::test]
async fn streams_and_long_waits_end_when_their_key_is_revoked() {
    let options = GatewayOptions {
        run_time: RUN,
        ..GatewayOptions::default()
    };
    let gateway = Gateway::with(options).await;
    let tenant = gateway.tenant("acme", "1").await;
    let made = made(&gateway, "acme", &key(&["submit", "read", "endpoints"])).await;
    let caller = &made.caller;
    let endpoint = caller.created_endpoint(&json!({ "kind": "pull" })).await;
    let endpoint = endpoint.text("/id");
    let task = tenant.submit(&tenant.inputs().await).await;
    let operator = gateway.operator();
    let (steps, events) = (
        format!("/v1/tasks/{task}/events"),
        format!("/v1/events?endpoint={endpoint}"),
    );
    let waiting = caller.http().get(caller.url(&format!("/v1/tasks/{task}")));
    let waiting = caller.send(waiting.header("prefer", "wait=60"));

    let (followed, read, waited, ()) = tokio::join!(
        read_out(caller, &steps),
        read_out(caller, &events),
        waiting,
        revoke(&operator, "acme", &made.id),
    );

    assert!(followed < Duration::from_secs(10), "{followed:?}");
    assert!(read < Duration::from_secs(10), "{read:?}");
    assert_eq!(
        (waited.status.as_u16(), waited.text("/code").as_str()),
        (401, "key_revoked")
    );
}
