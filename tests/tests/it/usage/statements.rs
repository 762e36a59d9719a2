//! Statements and groupings through public HTTP.

use fluxgate_tests::Gateway;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

use super::usage;

/// A month of UTC.
fn this_month() -> String {
    fluxgate_tests::contract::now().rfc3339()[..7].to_owned()
}

#[tokio::test]
async fn a_statement_is_told_as_json_csv_and_a_page_to_print() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;
    let path = format!("/v1/statements/{}", this_month());

    let statement = tenant.get(&path).await;
    let csv = tenant.get(&format!("{path}?format=csv")).await;
    let page = tenant.get(&format!("{path}?format=html")).await;
    let admin = gateway
        .operator()
        .get(&format!("/tenants/acme/statements/{}", this_month()))
        .await;

    assert_eq!(statement.status, 200, "{:?}", statement.body);
    let body = &statement.body;
    assert_eq!(
        (
            &body["opening_balance_micro_usd"],
            &body["closing_balance_micro_usd"],
            &body["closing_balance_usd"],
            &body["final"],
            &body["time_zone"]
        ),
        (
            &json!(0),
            &json!(920_000),
            &json!("0.92"),
            &json!(false),
            &json!("UTC")
        )
    );
    let movement = |kind: &str| {
        let movements = body["movements"].as_array().unwrap();
        let found = movements.iter().find(|it| it["kind"] == kind);
        found.map_or(Value::Null, |it| it["change_micro_usd"].clone())
    };
    assert_eq!(movement("top_up"), 1_000_000);
    assert_eq!(movement("capture"), -80_000);
    assert_eq!(body["usage"][0]["model"], MODEL);
    assert_eq!(admin.body, *body);
    let csv = csv.body.as_str().unwrap();
    assert!(
        csv.contains(",closing,balance,,,,920000,0.92,,false,false\r\n"),
        "{csv}"
    );
    assert!(csv.contains(",movement,capture,,,,80000,0.08,-0.08,false,false\r\n"));
    assert!(csv.contains(",movement,hold,,,,80000,0.08,0.00,false,false\r\n"));
    let page = page.body.as_str().unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("0.92"));
}

#[tokio::test]
async fn what_a_deleted_tenant_used_stays_in_the_sums_of_all_tenants() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    gateway.tenant("unused", "0").await;
    for name in ["acme", "other"] {
        let tenant = gateway.tenant(name, "1").await;
        let task = tenant.submit(&tenant.inputs().await).await;
        tenant.ended(&task).await;
    }
    let before = operator.get("/usage").await;

    for name in ["acme", "unused"] {
        let path = format!("/tenants/{name}?forget_balance=true");
        let deleted = operator.delete(&path).await;
        assert!(deleted.status.is_success(), "{:?}", deleted.body);
    }

    let after = operator.get("/usage").await;
    assert_eq!(after.body["total"], before.body["total"]);
    let told = |tenant: &Value| (tenant["tenant"].clone(), tenant["deleted"].clone());
    let tenants: Vec<(Value, Value)> = after.body["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(told)
        .collect();
    assert_eq!(
        tenants,
        [(json!("acme"), json!(true)), (json!("other"), Value::Null)]
    );
    let ids = operator.get("/tenant-ids").await;
    let with_deleted = operator.get("/tenant-ids?deleted=true").await;
    assert_eq!(ids.body, json!(["other"]));
    assert_eq!(with_deleted.body, json!(["acme", "other"]));
    let path = format!("/tenants/acme/statements/{}", this_month());
    let statement = operator.get(&path).await;
    assert_eq!(statement.body["deleted"], true);
    let csv = operator.get(&format!("{path}?format=csv")).await;
    let csv = csv.body.as_str().unwrap();
    assert!(csv.contains("80000,0.08,-0.08,false,true\r\n"), "{csv}");
}

#[tokio::test]
async fn usage_is_grouped_by_month_and_key_and_another_zone_is_422() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let other = gateway.tenant("other", "1").await;
    for tenant in [&tenant, &other] {
        let task = tenant.submit(&tenant.inputs().await).await;
        tenant.ended(&task).await;
    }

    let by_month = usage(&tenant, "?group_by=month,key&time_zone=UTC").await;
    let elsewhere = tenant.get("/v1/usage?time_zone=Europe/Berlin").await;
    let nowhere = tenant.get("/v1/usage?time_zone=Europe/Atlantis").await;
    let statement = format!("/v1/statements/{}?time_zone=Asia/Tokyo", this_month());
    let statement = tenant.get(&statement).await;
    let all = gateway.operator().get("/usage?group_by=model").await;

    let group = &by_month["groups"][0];
    assert_eq!(
        (&group["month"], &group["key"], &group["requests"]),
        (&json!(this_month()), &Value::Null, &json!(1))
    );
    assert_eq!(by_month["group_by"], json!(["month", "key"]));
    for refused in [elsewhere, statement] {
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code").as_str()),
            (422, "other_time_zone")
        );
    }
    assert_eq!(
        (nowhere.status.as_u16(), nowhere.text("/field").as_str()),
        (400, "time_zone")
    );
    let names: Vec<&Value> = all.body["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["tenant"])
        .collect();
    assert_eq!(names, ["acme", "other"]);
    assert_eq!(all.body["total"]["charged_micro_usd"], 160_000);
}

#[tokio::test]
async fn impossible_months_and_forms_of_statements_are_refused() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (path, field) in [
        ("/v1/statements/2026-13", "month"),
        ("/v1/statements/november", "month"),
        ("/v1/statements/0000-01", "month"),
        ("/v1/statements/9999-12", "month"),
        ("/v1/statements/+2026-11", "month"),
        ("/v1/statements/2026-11?format=pdf", "format"),
        ("/v1/statements/2026-11?form=csv", "form"),
    ] {
        let refused = tenant.get(path).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/field").as_str()),
            (400, field),
            "{path}"
        );
    }
    let unknown = gateway
        .operator()
        .get("/tenants/nobody/statements/2026-11")
        .await;
    assert_eq!(unknown.status.as_u16(), 404);
    let future = "/statements/2099-12";
    for answer in [
        tenant.get(&format!("/v1{future}")).await,
        gateway
            .operator()
            .get(&format!("/tenants/acme{future}"))
            .await,
    ] {
        assert_eq!(
            (answer.status.as_u16(), answer.text("/field").as_str()),
            (422, "month"),
            "{:?}",
            answer.body
        );
    }
}
