//! Reads that take long: of each tenant a few are worked on at a time.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use futures::future::join_all;
use serde_json::json;

/// Sent at once: some of them meet.
const BURST: usize = 12;

/// A gateway that works on one read of a tenant, and has none wait.
async fn gateway() -> Gateway {
    Gateway::with(GatewayOptions {
        bounds: BoundsSettings {
            reads_at_once: Some(1),
            reads_waiting_max: Some(0),
            ..quick()
        },
        ..GatewayOptions::default()
    })
    .await
}

async fn read(tenant: &TestTenant, method: &str, path: &str) -> Answer {
    match method {
        "POST" => tenant.post(path, &json!({})).await,
        _ => tenant.get(path).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_reads_of_a_tenant_are_refused_and_another_tenant_s_are_answered() {
    let gateway = gateway().await;
    let (acme, globex) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("globex", "1").await,
    );
    let task = acme.submit(&acme.inputs().await).await;
    acme.ended(&task).await;

    for (method, path) in [
        ("GET", "/v1/tasks".to_owned()),
        ("GET", format!("/v1/tasks/{task}/timeline")),
        ("GET", "/v1/batches".to_owned()),
        ("GET", "/v1/deliveries".to_owned()),
        ("GET", "/v1/usage".to_owned()),
        ("POST", "/api/v3/predictions".to_owned()),
        ("POST", "/api/v3/billings/search".to_owned()),
    ] {
        let refused = eventually(&format!("a refusal of {path}"), || async {
            let burst = (0..BURST).map(|_| read(&acme, method, &path));
            let (answers, other) = tokio::join!(join_all(burst), globex.get("/v1/tasks"));
            assert_eq!(other.status, 200, "{:?}", other.body);
            assert!(answers.iter().any(|answer| answer.status == 200), "{path}");
            answers.into_iter().find(|answer| answer.status != 200)
        })
        .await;

        assert_eq!(refused.status, 429, "{path}: {:?}", refused.body);
        assert_eq!(refused.headers["retry-after"], "1");
        let text = refused.body.to_string();
        assert!(text.contains("too_many_reads"), "{path}: {text}");
    }
    let alone = acme.get("/v1/tasks").await;
    assert_eq!(alone.status, 200, "every turn was given back");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_reads_take_turns_and_leave_those_of_the_tenant_alone() {
    let gateway = gateway().await;
    let acme = gateway.tenant("acme", "1").await;
    let operator = gateway.operator();

    for path in [
        "/tenants/acme/account/check",
        "/tenants/acme/ledger",
        "/tenants/acme/usage",
        "/tenants/acme/deliveries",
        "/tasks",
        "/usage",
        "/tenants?accounts=true",
    ] {
        let refused = eventually(&format!("a refusal of {path}"), || async {
            let burst = (0..BURST).map(|_| operator.get(path));
            let (answers, own) = tokio::join!(join_all(burst), acme.get("/v1/tasks"));
            assert_eq!(own.status, 200, "{:?}", own.body);
            assert!(answers.iter().any(|answer| answer.status == 200), "{path}");
            answers.into_iter().find(|answer| answer.status != 200)
        })
        .await;

        assert_eq!(refused.status, 429, "{path}: {:?}", refused.body);
        assert!(refused.body.to_string().contains("too_many_reads"));
    }
    gateway.stop().await;
}
