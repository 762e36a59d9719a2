//! One tenant's trouble does not slow another: tenants take turns in every lane.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::{BlackHole, Gateway, GatewayOptions, LiveReceiver, TestTenant, eventually};

/// More of their callbacks than callbacks are sent at once.
const TENANTS: usize = 8;
const ENDPOINTS: usize = 16;
const TASKS: usize = 4;

/// A tenant whose every event goes to receivers that never answer.
async fn troubled(gateway: &Gateway, name: &str, hole: &BlackHole) -> TestTenant {
    let tenant = gateway.tenant(name, "10").await;
    for n in 0..ENDPOINTS {
        tenant.endpoint(&hole.url(&n.to_string())).await;
    }
    let inputs = tenant.inputs().await;
    for _ in 0..TASKS {
        let task = tenant.submit(&inputs).await;
        tenant.ended(&task).await;
    }
    tenant
}

#[tokio::test]
async fn a_callback_does_not_wait_for_those_of_tenants_whose_receivers_never_answer() {
    // Longer than the test may take: waiting for one of these callbacks fails it.
    let bounds = BoundsSettings {
        callback_timeout_ms: Some(600_000),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await;
    let hole = BlackHole::start().await;
    for n in 0..TENANTS {
        troubled(&gateway, &format!("troubled{n}"), &hole).await;
    }
    // Each has its share of what can be sent at once.
    eventually("their callbacks to be on their way", || async {
        (hole.connections() >= TENANTS * ENDPOINTS).then_some(())
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    tenant.endpoint(&receiver.url("events")).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let received = receiver.about(&task, 1).await;

    assert_eq!(received.len(), 1);
    assert!(
        hole.connections() < TENANTS * ENDPOINTS * TASKS,
        "all of their callbacks were sent at once"
    );
}
