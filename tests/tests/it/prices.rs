//! Prices and top-ups by the admin API: what they do to runs, and what is refused.

use fluxgate_tests::Gateway;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

fn markup(basis_points: u32) -> Value {
    json!({ "unlisted": { "price": { "markup": { "basis_points": basis_points } } } })
}

fn fixed(micro_usd: impl serde::Serialize) -> Value {
    json!({ "models": { MODEL: { "fixed": { "micro_usd": micro_usd } } } })
}

#[tokio::test]
async fn a_price_counts_from_the_next_submit() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let inputs = tenant.inputs().await;
    let at_cost = tenant.submit(&inputs).await;

    let set = operator.put("/tenants/acme/prices", &fixed(100_000)).await;
    let dearer = tenant.submit(&inputs).await;

    assert_eq!(set.status, 200, "{:?}", set.body);
    assert_eq!((&set.body["costs_known"], &set.body["under_cost"]), (&json!(true), &json!([])));
    assert_eq!(operator.get("/tenants/acme/prices").await.body, set.body["prices"]);
    assert_eq!(tenant.ended(&at_cost).await["charged_usd"], 0.08);
    assert_eq!(tenant.ended(&dearer).await["charged_usd"], 0.1);
    assert_eq!(operator.get("/tenants/acme/account/check").await.body, json!({ "findings": [] }));
}

#[tokio::test]
async fn a_price_that_no_run_may_have_is_refused_and_the_old_one_stays() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let before = (operator.get("/tenants/acme/prices").await.body, operator.audit().await);

    for (prices, code) in [
        (fixed(-1), "invalid_price"),
        (fixed(1_000_000_000_001_i64), "invalid_price"),
        // Micro-USD are whole numbers, and these fit no 64 bits.
        (fixed(0.08), "invalid_json"),
        (fixed("80000"), "invalid_json"),
        (fixed(9_223_372_036_854_775_808_u64), "invalid_json"),
        (markup(2_000_000), "invalid_price"),
        (json!({ "unlisted": { "price": { "markup": { "basis_points": -1 } } } }), "invalid_json"),
        (json!({ "models": { "no model": { "fixed": { "micro_usd": 1 } } } }), "invalid_json"),
        (json!({ "modles": {} }), "invalid_json"),
        (json!({ "unlisted": { "price": { "markup": { "basis_points": 12_000, "floor": 90_000 } } } }), "invalid_json"),
    ] {
        let answer = operator.put("/tenants/acme/prices", &prices).await;
        assert_eq!((answer.status.as_u16(), answer.text("/code").as_str()), (400, code), "{prices}");
    }
    let negative = operator.put("/tenants/acme/prices", &fixed(-1)).await;
    assert_eq!(negative.text("/field"), MODEL);
    assert_eq!((operator.get("/tenants/acme/prices").await.body, operator.audit().await), before);
}

#[tokio::test]
async fn selling_under_cost_is_refused_unless_it_is_allowed() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let capped = json!({ "unlisted": { "price": { "markup": { "basis_points": 12_000, "cap_micro_usd": 1 } } } });

    for (prices, named) in [(markup(9_000), "unlisted"), (fixed(79_999), MODEL), (capped, "unlisted")] {
        let refused = operator.put("/tenants/acme/prices", &prices).await;
        assert_eq!((refused.status.as_u16(), refused.text("/code").as_str()), (400, "under_cost"), "{prices}");
        let detail = refused.text("/detail");
        assert!(detail.contains(named) && detail.contains("allow_under_cost=true"), "{detail}");
        assert_eq!(refused.text("/field"), named);
    }
    assert_eq!(operator.get("/tenants/acme").await.body["version"], 1);
    let allowed = operator.put("/tenants/acme/prices?allow_under_cost=true", &fixed(40_000)).await;

    assert_eq!((allowed.status.as_u16(), &allowed.body["under_cost"]), (200, &json!([MODEL])));
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["charged_usd"], 0.04);
}

#[tokio::test]
async fn a_top_up_counts_once_for_each_reference() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "0").await);
    let top_up = async |amount: &str, reference: &str| {
        let body = json!({ "amount_usd": amount, "reference": reference });
        operator.post("/tenants/acme/top-ups", &body).await
    };

    let first = top_up("5", "invoice 7").await;
    let again = top_up("5.00", "invoice 7").await;
    let other = top_up("6", "invoice 7").await;

    assert_eq!((first.status.as_u16(), again.status.as_u16()), (200, 200));
    assert_eq!(again.body["available"], "$5.00");
    assert_eq!((other.status.as_u16(), other.text("/code").as_str()), (409, "reference_used"));
    assert!(other.text("/detail").contains("use a new one"));
    for amount in ["-1", "0", "1e3", "0.0000001", "9223372036854.775807", "99999999999999999999", ""] {
        let refused = top_up(amount, "invoice 8").await;
        assert_eq!((refused.status.as_u16(), refused.text("/code").as_str()), (400, "invalid_amount"), "{amount}");
    }
    assert_eq!(top_up("1", "").await.text("/code"), "invalid_reference");
    assert_eq!(tenant.balance_usd().await, 5.0);
    let topped_up = operator.audit().await.into_iter().filter(|(action, _)| action == "account.topped_up").count();
    assert_eq!(topped_up, 1);
}
