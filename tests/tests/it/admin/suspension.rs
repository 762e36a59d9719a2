//! Tenants that are suspended, resumed and deleted.

use std::time::Duration;

use fluxgate_tests::operator::{TestIssuer, new_tenant};
use fluxgate_tests::{Gateway, GatewayOptions};
use serde_json::json;

use super::ISSUER;

#[tokio::test]
async fn a_suspended_tenant_s_tasks_finish_and_new_ones_are_refused() {
    let run_time = Duration::from_millis(800);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let inputs = tenant.inputs().await;
    let running = tenant.submit(&inputs).await;

    let suspended = operator.post("/tenants/acme/suspend", &json!({})).await;

    assert_eq!(
        (suspended.status.as_u16(), &suspended.body["state"]),
        (200, &json!("suspended"))
    );
    let ticket = json!({ "filename": "a.png", "size": 1 });
    for (path, body) in [
        ("/api/v3/wavespeed-ai/flux-kontext-max", &inputs),
        ("/api/v3/media/uploads", &ticket),
        ("/api/v3/a/b", &ticket),
    ] {
        let refused = tenant.post(path, body).await;
        assert_eq!(
            (
                refused.status.as_u16(),
                refused.text("/error_code").as_str()
            ),
            (403, "tenant_suspended"),
            "{path}"
        );
        assert!(refused.text("/message").contains("ask the operator"));
    }
    assert_eq!(tenant.ended(&running).await["status"], "completed");
    for path in ["/api/v3/balance", "/api/v3/models", "/v1/endpoints"] {
        assert_eq!(tenant.get(path).await.status, 200, "{path}");
    }
    assert_eq!(gateway.emulator.request_count("submit"), 1);
    assert_eq!(
        operator
            .post("/tenants/acme/suspend", &json!({}))
            .await
            .body["version"],
        2
    );
    assert_eq!(
        operator.post("/tenants/acme/resume", &json!({})).await.body["state"],
        "active"
    );
    tenant.submit(&inputs).await;
}

#[tokio::test]
async fn a_tenant_with_running_tasks_or_a_balance_is_not_deleted_by_accident() {
    let run_time = Duration::from_millis(800);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let task = tenant.submit(&tenant.inputs().await).await;

    let running = operator.delete("/tenants/acme?forget_balance=true").await;
    tenant.ended(&task).await;
    let with_balance = operator.delete("/tenants/acme").await;
    let misspelt = operator.delete("/tenants/acme?forget_balance=yes").await;

    assert_eq!(
        (running.status.as_u16(), running.text("/code").as_str()),
        (409, "tenant_has_tasks")
    );
    assert_eq!(
        (
            with_balance.status.as_u16(),
            with_balance.text("/code").as_str()
        ),
        (409, "tenant_has_balance")
    );
    let detail = with_balance.text("/detail");
    assert!(
        detail.contains("$0.92") && detail.contains("forget_balance=true"),
        "{detail}"
    );
    assert_eq!(misspelt.status, 400);
    assert_eq!(tenant.balance_usd().await, 0.92);
    assert_eq!(
        operator
            .delete("/tenants/acme?forget_balance=true")
            .await
            .status,
        204
    );

    let submit = tenant
        .post("/api/v3/wavespeed-ai/flux-kontext-max", &json!({}))
        .await;
    assert_eq!(
        (submit.status.as_u16(), submit.text("/error_code").as_str()),
        (401, "tenant_unknown")
    );
    assert_eq!(operator.get("/tenants/acme").await.status, 404);
    assert_eq!(operator.get("/tenants").await.body, json!([]));
    assert_eq!(operator.delete("/tenants/acme").await.status, 404);
    // The ledger stays, so the name is not given to another tenant, which would see it.
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
    let again = operator
        .post(
            "/tenants",
            &new_tenant("acme", &[TestIssuer::new(ISSUER).trust()]),
        )
        .await;
    assert_eq!(
        (again.status.as_u16(), again.text("/code").as_str()),
        (409, "tenant_name_used")
    );
}
