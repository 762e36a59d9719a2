//! A monthly budget and a limit of tasks in flight, as operator and tenant see them.

use std::time::Duration;

use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions};
use serde_json::{Value, json};

const SUBMIT: &str = "/api/v3/wavespeed-ai/flux-kontext-max";

/// A gateway whose runs take as long as a test needs.
async fn slow() -> Gateway {
    let faults = Faults {
        tiny_output: Fault::Always,
        ..Faults::default()
    };
    let run_time = Duration::from_millis(800);
    Gateway::with(GatewayOptions {
        faults,
        run_time,
        ..GatewayOptions::default()
    })
    .await
}

/// Without the fields that depend on the date.
fn undated(mut budget: Value) -> Value {
    for name in ["month", "resets_at"] {
        assert!(budget[name].is_string(), "{budget}");
        budget.as_object_mut().unwrap().remove(name);
    }
    budget
}

#[tokio::test]
async fn a_tenant_spends_its_month_s_budget_and_is_told_when_the_next_begins() {
    let gateway = slow().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "5").await);
    assert_eq!(tenant.get("/v1/budget").await.status, 404);
    let terms = json!({ "limit_usd": "0.16", "time_zone": "Europe/Berlin", "roll_over": "unused", "roll_over_cap_usd": "1" });

    let set = operator.put("/tenants/acme/budget", &terms).await;
    let inputs = tenant.inputs().await;
    let (first, second) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);
    let running = tenant.get("/v1/budget").await.body;
    let refused = tenant.post(SUBMIT, &inputs).await;
    for task in [&first, &second] {
        assert_eq!(tenant.ended(task).await["status"], "completed");
    }

    assert_eq!(set.status, 200, "{:?}", set.body);
    let budget = |spent: i64, held: i64, left: i64, left_usd: &str| {
        json!({
            "limit_micro_usd": 160_000, "carried_micro_usd": 0, "spent_micro_usd": spent, "held_micro_usd": held,
            "left_micro_usd": left, "left_usd": left_usd, "time_zone": "Europe/Berlin", "roll_over": "unused",
            "roll_over_cap_micro_usd": 1_000_000, "payment": "prepaid",
        })
    };
    assert_eq!(undated(set.body), budget(0, 0, 160_000, "0.16"));
    let resets_at = running["resets_at"].as_str().unwrap().to_owned();
    assert_eq!(undated(running)["left_micro_usd"], 0);
    assert_eq!(
        (
            refused.status.as_u16(),
            refused.text("/error_code").as_str()
        ),
        (402, "budget_exhausted")
    );
    let message = refused.text("/message");
    assert!(
        message.contains("$0.00 of the month's budget of $0.16") && message.contains(&resets_at),
        "{message}"
    );
    assert_eq!(
        undated(tenant.get("/v1/budget").await.body),
        budget(160_000, 0, 0, "0.00")
    );
    assert_eq!(tenant.balance_usd().await, 0.0);
    let account = operator.get("/tenants/acme/account").await.body;
    assert_eq!(
        (&account["available"], &account["budget"]["left_usd"]),
        (&json!("$4.84"), &json!("0.00"))
    );
    assert_eq!(gateway.emulator.request_count("submit"), 2);
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}

#[tokio::test]
async fn a_postpaid_tenant_without_a_balance_spends_what_is_billed_afterwards() {
    let gateway = slow().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "0").await);
    let inputs = tenant.inputs().await;
    assert_eq!(
        tenant.post(SUBMIT, &inputs).await.text("/error_code"),
        "insufficient_funds"
    );

    operator
        .put(
            "/tenants/acme/budget",
            &json!({ "limit_usd": "0.1", "payment": "postpaid" }),
        )
        .await;
    assert_eq!(tenant.balance_usd().await, 0.1);
    let task = tenant.submit(&inputs).await;
    tenant.ended(&task).await;
    let refused = tenant.post(SUBMIT, &inputs).await;

    assert_eq!(refused.text("/error_code"), "budget_exhausted");
    let account = operator.get("/tenants/acme/account").await.body;
    let amounts = [
        "available_micro_usd",
        "captured_micro_usd",
        "credit_micro_usd",
    ]
    .map(|name| account[name].clone());
    assert_eq!(amounts, [json!(0), json!(80_000), json!(80_000)]);
    assert_eq!(tenant.balance_usd().await, 0.02);
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}

/// With the status, the code and the field of the refusal.
fn refused_terms() -> Vec<(Value, u16, &'static str, &'static str)> {
    vec![
        (
            json!({ "limit_usd": "0.079999" }),
            409,
            "budget_below_use",
            "limit_usd",
        ),
        (
            json!({ "limit_usd": "0" }),
            400,
            "invalid_budget",
            "limit_usd",
        ),
        (
            json!({ "limit_usd": "-1" }),
            400,
            "invalid_amount",
            "limit_usd",
        ),
        (
            json!({ "limit_usd": "1", "time_zone": "Europe/Atlantis" }),
            400,
            "invalid_time_zone",
            "time_zone",
        ),
        (
            json!({ "limit_usd": "1", "roll_over_cap_usd": "1" }),
            400,
            "invalid_budget",
            "roll_over_cap_usd",
        ),
        (
            json!({ "limit_usd": "1", "roll_over": "unused", "roll_over_cap_usd": "0" }),
            400,
            "invalid_budget",
            "roll_over_cap_usd",
        ),
    ]
}

#[tokio::test]
async fn a_budget_that_cannot_be_is_refused_by_name_and_nothing_changes() {
    let gateway = slow().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "5").await);
    operator
        .put("/tenants/acme/budget", &json!({ "limit_usd": "1" }))
        .await;
    let running = tenant.submit(&tenant.inputs().await).await;
    let before = (
        operator.get("/tenants/acme/budget").await.body,
        operator.audit().await,
    );

    for (terms, status, code, field) in refused_terms() {
        let refused = operator.put("/tenants/acme/budget", &terms).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code").as_str()),
            (status, code),
            "{terms}"
        );
        assert_eq!(refused.text("/field"), field);
    }
    let below = operator
        .put("/tenants/acme/budget", &json!({ "limit_usd": "0.01" }))
        .await
        .text("/detail");
    assert!(
        below.contains("at least $0.08") && below.contains("suspend the tenant"),
        "{below}"
    );
    assert_eq!(
        operator
            .put("/tenants/acme/budget", &json!({ "limit": 1 }))
            .await
            .status,
        400
    );
    assert_eq!(
        operator
            .put("/tenants/nobody/budget", &json!({ "limit_usd": "1" }))
            .await
            .status,
        404
    );
    assert_eq!(
        (
            operator.get("/tenants/acme/budget").await.body,
            operator.audit().await
        ),
        before
    );
    assert_eq!(
        before.1[0],
        ("budget.changed".to_owned(), "acme".to_owned())
    );

    tenant.ended(&running).await;
    assert_eq!(operator.delete("/tenants/acme/budget").await.status, 204);
    assert_eq!(operator.get("/tenants/acme/budget").await.status, 404);
    assert_eq!(tenant.balance_usd().await, 4.92);
    assert_eq!(operator.audit().await.len(), before.1.len() + 1);
}

#[tokio::test]
async fn a_task_too_many_is_told_to_come_again_and_the_end_of_one_makes_room() {
    let gateway = slow().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "5").await);
    let limited = operator
        .patch(
            "/tenants/acme",
            &json!({ "limits": { "tasks_in_flight": 2 } }),
        )
        .await;
    assert_eq!(limited.status, 200, "{:?}", limited.body);
    let inputs = tenant.inputs().await;

    let (first, second) = (tenant.submit(&inputs).await, tenant.submit(&inputs).await);
    let refused = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
    let in_flight = operator.get("/tenants/acme/account").await.body["tasks_in_flight"].clone();
    tenant.ended(&first).await;
    tenant.ended(&second).await;
    let third = tenant.submit(&inputs).await;
    tenant.ended(&third).await;

    assert_eq!(
        (
            refused.status.as_u16(),
            refused.text("/error_code").as_str()
        ),
        (429, "too_many_tasks")
    );
    assert!(
        refused
            .text("/message")
            .contains("2 tasks in flight, the limit is 2"),
        "{:?}",
        refused.body
    );
    assert_eq!(
        (refused.headers["retry-after"].to_str().unwrap(), in_flight),
        ("5", json!(2))
    );
    assert_eq!(
        operator.get("/tenants/acme/account").await.body["tasks_in_flight"],
        0
    );
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}
