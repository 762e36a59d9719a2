//! Money that an operator mends, by the admin API: what it does, what it refuses, and what the
//! tenant sees of it in its tasks, its bill and its ledger.

use fluxgate_core::money::{LedgerCursor, MicroUsd};
use fluxgate_emulator::{Fault, Faults};
use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, TestOperator, TestTenant};
use serde_json::{Value, json};

const WHY: &str = "an outage";

fn adjustment(amount: &str, reference: &str) -> Value {
    json!({ "amount_usd": amount, "reference": reference, "reason": WHY })
}

fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.text("/code").as_str()),
        (status, code),
        "{:?}",
        answer.body
    );
}

/// A task that was charged $0.08 of the tenant's money.
async fn charged(tenant: &TestTenant) -> String {
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["charged_usd"], 0.08);
    task
}

async fn check(operator: &TestOperator) {
    let check = operator.get("/tenants/acme/account/check").await;
    assert_eq!(check.body, json!({ "findings": [] }));
}

#[tokio::test]
async fn credits_and_debits_count_once_and_take_no_more_than_is_available() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);

    for applied in [true, false] {
        let credit = operator
            .post("/tenants/acme/credits", &adjustment("0.50", "note 1"))
            .await;
        assert_eq!(credit.status, 200, "{:?}", credit.body);
        assert_eq!(credit.body["applied"], applied);
        assert_eq!(credit.body["account"]["available_micro_usd"], 1_500_000);
    }
    let debit = operator
        .post("/tenants/acme/debits", &adjustment("1.50", "note 1"))
        .await;
    let over = operator
        .post("/tenants/acme/debits", &adjustment("0.000001", "note 2"))
        .await;
    let other = operator
        .post("/tenants/acme/credits", &adjustment("0.51", "note 1"))
        .await;

    assert_eq!(debit.body["account"]["available_micro_usd"], 0);
    refused(&over, 409, "balance_too_low");
    refused(&other, 409, "reference_used");
    assert_eq!(tenant.balance_usd().await, 0.0);
    let audit = operator.get("/audit?limit=2").await;
    assert_eq!(audit.body["entries"][0]["action"], "account.debited");
    assert_eq!(
        audit.body["entries"][1]["detail"],
        json!({ "amount_usd": "0.50", "reference": "note 1", "reason": WHY })
    );
    check(&operator).await;
}

#[tokio::test]
async fn what_cannot_be_corrected_is_refused_and_nothing_is() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let before = (
        operator.get("/tenants/acme/account").await.body,
        operator.audit().await,
    );
    let long = "r".repeat(129);
    let with = |name: &str, value: Value| {
        let mut body = adjustment("1", "r");
        body[name] = value;
        body
    };
    let bad = [
        (with("amount_usd", json!("0")), "invalid_amount"),
        (with("amount_usd", json!("-1")), "invalid_amount"),
        (with("amount_usd", json!("0.0000001")), "invalid_amount"),
        (with("amount_usd", json!(1)), "invalid_json"),
        (with("reference", json!("")), "invalid_reference"),
        (with("reference", json!(long)), "invalid_reference"),
        (with("reference", json!("a\nb")), "invalid_reference"),
        (with("reason", json!(" ")), "invalid_reason"),
        (with("reasn", json!("x")), "invalid_json"),
    ];

    for (body, code) in bad {
        for route in ["credits", "debits"] {
            let answer = operator
                .post(&format!("/tenants/acme/{route}"), &body)
                .await;
            refused(&answer, 400, code);
        }
    }
    let nobody = operator
        .post("/tenants/nobody/credits", &adjustment("1", "r"))
        .await;
    refused(&nobody, 404, "not_found");
    let after = (
        operator.get("/tenants/acme/account").await.body,
        operator.audit().await,
    );
    assert_eq!(after, before);
}

#[tokio::test]
async fn a_task_is_refunded_once_in_part_and_its_tenant_sees_it() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let task = charged(&tenant).await;
    let route = format!("/tenants/acme/tasks/{task}/refund");

    let over = operator.post(&route, &adjustment("0.09", "r1")).await;
    let refund = operator.post(&route, &adjustment("0.03", "r1")).await;
    let again = operator.post(&route, &adjustment("0.03", "r1")).await;
    let second = operator.post(&route, &adjustment("0.01", "r2")).await;

    refused(&over, 400, "invalid_amount");
    assert_eq!(over.body["field"], "amount_usd");
    assert_eq!(refund.status, 200, "{:?}", refund.body);
    assert_eq!(
        (&refund.body["applied"], &refund.body["refunded_usd"]),
        (&json!(true), &json!("0.03"))
    );
    assert_eq!(again.body["applied"], false);
    assert_eq!(again.body["refunded_at"], refund.body["refunded_at"]);
    refused(&second, 409, "task_refunded");
    assert!(
        second.text("/detail").contains("$0.03"),
        "{:?}",
        second.body
    );
    assert_eq!(tenant.balance_usd().await, 0.95);
    let shown = tenant.get(&format!("/v1/tasks/{task}")).await;
    assert_eq!(
        (&shown.body["charged_usd"], &shown.body["refunded_usd"]),
        (&json!(0.08), &json!(0.03))
    );
    assert!(tenant.steps(&task).await.contains(&"refunded".to_owned()));
    let bill = tenant.post("/api/v3/billings/search", &json!({})).await;
    let item = &bill.body["data"]["items"][0];
    assert_eq!(
        (&item["price"], &item["refunded"]),
        (&json!(0.08), &json!(0.03))
    );
    let usage = tenant.get("/v1/usage?group_by=model").await;
    let sums = &usage.body["groups"][0];
    assert_eq!(
        (&sums["charged_usd"], &sums["refunded_usd"]),
        (&json!("0.08"), &json!("0.03"))
    );
    check(&operator).await;
}

#[tokio::test]
async fn what_was_not_charged_is_not_refunded() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let refund = |task: &str| format!("/tenants/acme/tasks/{task}/refund");
    let whole = json!({ "reference": "r", "reason": WHY });
    let inputs = tenant.inputs().await;
    let failing = Faults {
        fail_task: Fault::Always,
        ..Faults::default()
    };
    gateway.emulator.set_faults(failing);
    let failed = tenant.submit(&inputs).await;
    assert_eq!(tenant.ended(&failed).await["status"], "failed");
    // While the provider refuses the account, tasks wait.
    let refusing = Faults {
        account_status: 402,
        ..Faults::default()
    };
    gateway.emulator.set_faults(refusing);
    let waiting = tenant.submit(&inputs).await;

    for (task, why) in [(&failed, "cost nothing"), (&waiting, "still running")] {
        let answer = operator.post(&refund(task), &whole).await;
        refused(&answer, 409, "task_not_charged");
        assert!(answer.text("/detail").contains(why), "{:?}", answer.body);
    }
    for task in ["0".repeat(32).as_str(), "x"] {
        refused(
            &operator.post(&refund(task), &whole).await,
            404,
            "not_found",
        );
    }
    check(&operator).await;
}

#[tokio::test]
async fn a_deleted_task_of_a_deleted_tenant_is_refunded_and_the_money_can_be_paid_out() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "0.08").await);
    let task = charged(&tenant).await;
    assert_eq!(
        tenant.delete(&format!("/v1/tasks/{task}")).await.status,
        204
    );
    assert_eq!(operator.delete("/tenants/acme").await.status, 204);

    let whole = json!({ "reference": "r", "reason": WHY });
    let refund = operator
        .post(&format!("/tenants/acme/tasks/{task}/refund"), &whole)
        .await;
    let credit = operator
        .post("/tenants/acme/credits", &adjustment("1", "r"))
        .await;
    let debit = operator
        .post("/tenants/acme/debits", &adjustment("0.08", "paid out"))
        .await;

    assert_eq!(refund.body["refunded_usd"], "0.08", "{:?}", refund.body);
    refused(&credit, 404, "not_found");
    assert_eq!(debit.body["account"]["available_micro_usd"], 0);
    let ledger = operator.get("/tenants/acme/ledger").await;
    assert_eq!(ledger.body["entries"].as_array().unwrap().len(), 5);
    check(&operator).await;
}

#[tokio::test]
async fn a_top_up_is_voided_whole_and_its_reference_is_used_up() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let top_up = json!({ "amount_usd": "100", "reference": "2026/17 typo" });
    operator.post("/tenants/acme/top-ups", &top_up).await;
    let second = json!({ "amount_usd": "1", "reference": "second" });
    operator.post("/tenants/acme/top-ups", &second).await;
    let void = |reference: &str| format!("/tenants/acme/top-ups/{reference}/void");
    let why = json!({ "reason": "a typo" });

    let voided = operator.post(&void("2026%2F17%20typo"), &why).await;
    let again = operator.post(&void("2026%2F17%20typo"), &why).await;
    let taken = adjustment("1.5", "taken");
    operator.post("/tenants/acme/debits", &taken).await;
    let spent = operator.post(&void("second"), &why).await;
    let unknown = operator.post(&void("none"), &why).await;
    let used = operator.post("/tenants/acme/top-ups", &top_up).await;

    assert_eq!(voided.status, 200, "{:?}", voided.body);
    assert_eq!(
        (&voided.body["applied"], &again.body["applied"]),
        (&json!(true), &json!(false))
    );
    refused(&spent, 409, "balance_too_low");
    refused(&unknown, 404, "not_found");
    refused(&used, 409, "top_up_voided");
    assert_eq!(tenant.balance_usd().await, 0.5);
    check(&operator).await;
}

/// The balance after each entry, in micro-USD.
fn balances(page: &Value) -> Vec<(String, i64)> {
    let entries = page["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| {
            (
                entry["kind"].as_str().unwrap().to_owned(),
                entry["balance_micro_usd"].as_i64().unwrap(),
            )
        })
        .collect()
}

#[tokio::test]
async fn the_ledger_is_read_page_by_page_with_its_running_balance() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let task = charged(&tenant).await;
    let refund = format!("/tenants/acme/tasks/{task}/refund");
    operator.post(&refund, &adjustment("0.08", "r")).await;
    operator
        .post("/tenants/acme/debits", &adjustment("0.25", "d"))
        .await;

    let whole = tenant.get("/v1/ledger").await;
    let first = tenant.get("/v1/ledger?limit=3").await;
    let next = first.text("/next");
    let rest = tenant
        .get(&format!("/v1/ledger?limit=3&cursor={next}"))
        .await;
    let csv = tenant.get("/v1/ledger?format=csv&limit=3").await;

    assert_eq!(whole.status, 200, "{:?}", whole.body);
    let wanted = [
        ("top_up", 1_000_000),
        ("hold", 1_000_000),
        ("capture", 920_000),
        ("refund", 1_000_000),
        ("adjustment_debit", 750_000),
    ];
    let wanted = wanted.map(|(kind, balance)| (kind.to_owned(), balance));
    assert_eq!(balances(&whole.body), wanted);
    assert_eq!(whole.body["opening_balance_usd"], "0.00");
    assert_eq!(balances(&first.body), wanted[..3]);
    assert_eq!(balances(&rest.body), wanted[3..]);
    assert_eq!(rest.body["opening_balance_usd"], "0.92");
    assert!(rest.body.get("next").is_none());
    let line = &whole.body["entries"][4];
    assert_eq!(
        (
            &line["reference"],
            &line["reason"],
            &line["change_micro_usd"]
        ),
        (&json!("d"), &json!(WHY), &json!(-250_000))
    );
    assert_eq!(csv.headers["fluxgate-next-cursor"], next);
    let lines = csv.body.as_str().unwrap().lines().count();
    assert_eq!(lines, 4, "{:?}", csv.body);
    let theirs = operator.get("/tenants/acme/ledger").await;
    assert_eq!(theirs.body, whole.body);
}

#[tokio::test]
async fn a_cursor_of_a_ledger_that_was_bent_or_is_another_tenant_s_is_refused() {
    let gateway = Gateway::start().await;
    let operator = gateway.operator();
    let (acme, other) = (
        gateway.tenant("acme", "1").await,
        gateway.tenant("other", "1").await,
    );
    charged(&acme).await;

    let next = acme.get("/v1/ledger?limit=1").await.text("/next");
    let (text, seal) = next.split_once('.').unwrap();
    let cursor = LedgerCursor::parse(text).unwrap();
    let rich = LedgerCursor {
        balance: MicroUsd(9_000_000_000),
        ..cursor
    };
    for cursor in [
        text.to_owned(),
        rich.text(),
        format!("{}.{seal}", rich.text()),
    ] {
        for path in ["/v1/ledger", "/v1/ledger?format=csv"] {
            let mark = if path.contains('?') { '&' } else { '?' };
            let answer = acme.get(&format!("{path}{mark}cursor={cursor}")).await;
            refused(&answer, 400, "invalid_cursor");
        }
    }
    let query = format!("limit=1&cursor={next}");
    let foreign = other.get(&format!("/v1/ledger?{query}")).await;
    refused(&foreign, 400, "invalid_cursor");
    let foreign = operator
        .get(&format!("/tenants/other/ledger?{query}"))
        .await;
    refused(&foreign, 400, "invalid_cursor");
    let own = acme.get(&format!("/v1/ledger?{query}")).await;
    let operators = operator.get(&format!("/tenants/acme/ledger?{query}")).await;
    assert_eq!(own.body["opening_balance_usd"], "1.00");
    assert_eq!(operators.body, own.body);
}

#[tokio::test]
async fn a_page_of_a_ledger_that_cannot_be_is_refused() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (query, code) in [
        ("limit=0", "invalid_parameter"),
        ("limit=1001", "invalid_parameter"),
        ("from=yesterday", "invalid_parameter"),
        ("from=2026-11-02&to=2026-11-01", "invalid_window"),
        ("cursor=x", "invalid_cursor"),
        ("format=xml", "invalid_parameter"),
        ("page=2", "invalid_parameter"),
        ("time_zone=Mars", "invalid_time_zone"),
    ] {
        let answer = tenant.get(&format!("/v1/ledger?{query}")).await;
        refused(&answer, 400, code);
    }
    let other = tenant.get("/v1/ledger?time_zone=Europe/Berlin").await;
    refused(&other, 422, "other_time_zone");
}
