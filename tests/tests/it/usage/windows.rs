//! The window of a usage report: its edges, its bounds, and parameters that are refused.

use fluxgate_core::port::TaskStore as _;
use fluxgate_core::time::Timestamp;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{Gateway, GatewayOptions};
use serde_json::json;

use super::stats;

#[tokio::test]
async fn a_window_holds_its_first_and_last_millisecond_and_nothing_beside_them() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let id = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&id).await;
    let task = gateway
        .server
        .folder()
        .store
        .get(&tenant.id, &id.parse().unwrap())
        .await
        .unwrap();
    let (made, ended) = (task.created_at, task.since);
    assert!(made < ended, "a run takes time");

    let summary = async |from: i64, until: i64| {
        let summary = stats(&tenant, Timestamp(from), Timestamp(until)).await["summary"].clone();
        (
            summary["total_requests"].as_u64().unwrap(),
            summary["total_cost"].as_f64().unwrap(),
        )
    };

    assert_eq!(summary(made.0, made.0).await, (1, 0.0));
    assert_eq!(
        summary(ended.0, ended.0).await,
        (0, 0.08),
        "begun before the window, charged in it"
    );
    assert_eq!(summary(made.0, ended.0).await, (1, 0.08));
    assert_eq!(summary(made.0 + 1, ended.0 - 1).await, (0, 0.0));
    assert_eq!(summary(made.0 - 5, made.0 - 1).await, (0, 0.0));
    assert_eq!(summary(ended.0 + 1, ended.0 + 5).await, (0, 0.0));
}

#[tokio::test]
async fn a_bad_parameter_is_named() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (query, field) in [
        ("?from=yesterday", "from"),
        ("?to=2026-02-30", "to"),
        ("?to=20261101", "to"),
        ("?from=2026-02-02&to=2026-02-01", "from"),
        ("?from=2024-01-01&to=2025-01-01", "from"),
        ("?group_by=hour", "group_by"),
        ("?group_by=", "group_by"),
        ("?format=xml", "format"),
        ("?group=day", "group"),
    ] {
        let answer = tenant.get(&format!("/v1/usage{query}")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/field").as_str()),
            (400, field),
            "{query}: {:?}",
            answer.body
        );
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_window_with_more_tasks_than_are_read_at_once_is_answered() {
    let bounds = BoundsSettings {
        usage_tasks_max: Some(2),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    for _ in 0..3 {
        tenant.submit(&inputs).await;
    }
    let now = fluxgate_tests::contract::now();

    let native = tenant.get("/v1/usage").await;
    let bill = tenant
        .post("/api/v3/billings/search", &json!({ "page_size": 2 }))
        .await;
    let before = stats(
        &tenant,
        Timestamp(now.0 - 120_000),
        Timestamp(now.0 - 60_000),
    )
    .await;

    assert_eq!(
        (native.status.as_u16(), &native.body["total"]["requests"]),
        (200, &json!(3)),
        "whole days are never too full"
    );
    let data = &bill.body["data"];
    assert_eq!(
        (bill.status.as_u16(), &data["total"], &data["has_more"]),
        (200, &json!(3), &json!(true)),
        "a bill is never too full"
    );
    let next = json!({ "page": 2, "page_size": 2, "cursor": data["next_cursor"] });
    let next = tenant.post("/api/v3/billings/search", &next).await;
    assert_eq!(next.body["data"]["has_more"], false);
    let numbered = json!({ "page": 2, "page_size": 2 });
    let numbered = tenant.post("/api/v3/billings/search", &numbered).await;
    assert_eq!(numbered.body["data"]["items"], next.body["data"]["items"]);
    assert_eq!(next.body["data"]["items"].as_array().unwrap().len(), 1);
    let bad = json!({ "cursor": "x" });
    let bad = tenant.post("/api/v3/billings/search", &bad).await;
    assert_eq!(bad.status.as_u16(), 400, "{:?}", bad.body);
    let day = 86_400_000;
    let month = stats(&tenant, Timestamp(now.0 - 20 * day), now.plus_ms(60_000)).await;
    assert_eq!(
        month["summary"]["total_requests"], 3,
        "only what lies beside whole days is read from tasks"
    );
    assert_eq!(
        before["summary"]["total_requests"], 0,
        "a window before them is not theirs"
    );
}
