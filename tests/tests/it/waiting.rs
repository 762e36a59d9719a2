//! A client that prefers to wait is answered when its task has ended.

use std::time::Duration;

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::{Answer, MODEL};
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use reqwest::RequestBuilder;
use serde_json::json;

async fn waiting(tenant: &TestTenant, request: RequestBuilder, wait: &str) -> Answer {
    tenant
        .send(request.header("prefer", format!("wait={wait}")))
        .await
}

/// A gateway whose runs take hours.
async fn endless(bounds: BoundsSettings) -> Gateway {
    Gateway::with(GatewayOptions {
        run_time: Duration::from_secs(36_000),
        bounds,
        ..GatewayOptions::default()
    })
    .await
}

#[tokio::test]
async fn a_submit_and_a_read_wait_for_the_end_where_the_client_prefers_it() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let (http, input) = (tenant.http().clone(), tenant.inputs().await);
    let body = json!({ "model": MODEL, "input": input });

    let submit = http.post(tenant.url("/v1/tasks")).json(&body);
    let submitted = waiting(&tenant, submit, "60").await;
    let submit = http
        .post(tenant.url(&format!("/api/v3/{MODEL}")))
        .json(&input);
    let by_provider_s_api = waiting(&tenant, submit, "60").await;
    let id = tenant.post("/v1/tasks", &body).await.text("/id");
    let read = http.get(tenant.url(&format!("/v1/tasks/{id}")));
    let read = waiting(&tenant, read, "60").await;

    assert_eq!(
        (submitted.status.as_u16(), submitted.text("/state")),
        (201, "completed".to_owned())
    );
    assert_eq!(by_provider_s_api.text("/data/status"), "completed");
    assert_eq!(
        (read.status.as_u16(), read.text("/state")),
        (200, "completed".to_owned())
    );
}

#[tokio::test]
async fn a_wait_ends_with_the_preference_or_with_the_installation_s_limit() {
    let bounds = BoundsSettings {
        sync_wait_max_ms: Some(300),
        ..quick()
    };
    let gateway = endless(bounds).await;
    let tenant = gateway.tenant("acme", "1").await;
    let (http, input) = (tenant.http().clone(), tenant.inputs().await);
    let body = json!({ "model": MODEL, "input": input });

    for wait in [
        "0",
        "86400",
        "99999999999999999999999",
        "-1",
        "1.5",
        "soon",
        "",
    ] {
        let submit = http.post(tenant.url("/v1/tasks")).json(&body);
        let submitted = waiting(&tenant, submit, wait).await;
        assert_eq!(submitted.status, 201, "{wait}");
        assert_eq!(submitted.text("/state"), "submitted", "{wait}");
        let read = http.get(tenant.url(&format!("/v1/tasks/{}", submitted.text("/id"))));
        assert_eq!(
            waiting(&tenant, read, wait).await.text("/state"),
            "submitted",
            "{wait}"
        );
    }
}
