//! Prices and top-ups by the admin API: what they do to runs, and what is refused.

use fluxgate_tests::Gateway;
use fluxgate_tests::tenant::MODEL;
use serde_json::{Value, json};

const FLUX_DEV: &str = "wavespeed-ai/flux-dev";

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
    assert_eq!(
        (&set.body["costs_known"], &set.body["under_cost"]),
        (&json!(true), &json!([]))
    );
    assert_eq!(
        operator.get("/tenants/acme/prices").await.body,
        set.body["prices"]
    );
    assert_eq!(tenant.ended(&at_cost).await["charged_usd"], 0.08);
    assert_eq!(tenant.ended(&dearer).await["charged_usd"], 0.1);
    assert_eq!(
        operator.get("/tenants/acme/account/check").await.body,
        json!({ "findings": [] })
    );
}

#[tokio::test]
async fn a_price_that_no_run_may_have_is_refused_and_the_old_one_stays() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let before = (
        operator.get("/tenants/acme/prices").await.body,
        operator.audit().await,
    );

    for (prices, code) in [
        (fixed(-1), "invalid_price"),
        (fixed(1_000_000_000_001_i64), "invalid_price"),
        // Micro-USD are whole numbers, and these fit no 64 bits.
        (fixed(0.08), "invalid_json"),
        (fixed("80000"), "invalid_json"),
        (fixed(9_223_372_036_854_775_808_u64), "invalid_json"),
        (markup(2_000_000), "invalid_price"),
        (
            json!({ "unlisted": { "price": { "markup": { "basis_points": -1 } } } }),
            "invalid_json",
        ),
        (
            json!({ "models": { "no model": { "fixed": { "micro_usd": 1 } } } }),
            "invalid_json",
        ),
        (json!({ "modles": {} }), "invalid_json"),
        (
            json!({ "unlisted": { "price": { "markup": { "basis_points": 12_000, "floor": 90_000 } } } }),
            "invalid_json",
        ),
    ] {
        let answer = operator.put("/tenants/acme/prices", &prices).await;
        assert_eq!(
            (answer.status.as_u16(), answer.text("/code").as_str()),
            (400, code),
            "{prices}"
        );
    }
    let negative = operator.put("/tenants/acme/prices", &fixed(-1)).await;
    assert_eq!(negative.text("/field"), MODEL);
    assert_eq!(
        (
            operator.get("/tenants/acme/prices").await.body,
            operator.audit().await
        ),
        before
    );
}

#[tokio::test]
async fn selling_under_cost_is_refused_unless_it_is_allowed() {
    let gateway = Gateway::start().await;
    let (operator, tenant) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let capped = json!({ "unlisted": { "price": { "markup": { "basis_points": 12_000, "cap_micro_usd": 1 } } } });

    for (prices, named) in [
        (markup(9_000), "unlisted"),
        (fixed(79_999), MODEL),
        (capped, "unlisted"),
    ] {
        let refused = operator.put("/tenants/acme/prices", &prices).await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code").as_str()),
            (400, "under_cost"),
            "{prices}"
        );
        let detail = refused.text("/detail");
        assert!(
            detail.contains(named) && detail.contains("allow_under_cost=true"),
            "{detail}"
        );
        assert_eq!(refused.text("/field"), named);
    }
    assert_eq!(operator.get("/tenants/acme").await.body["version"], 1);
    let allowed = operator
        .put("/tenants/acme/prices?allow_under_cost=true", &fixed(40_000))
        .await;

    assert_eq!(
        (allowed.status.as_u16(), &allowed.body["under_cost"]),
        (200, &json!([MODEL]))
    );
    let task = tenant.submit(&tenant.inputs().await).await;
    assert_eq!(tenant.ended(&task).await["charged_usd"], 0.04);
}

#[tokio::test]
async fn a_price_of_one_model_leaves_the_others_and_is_shown_in_usd_and_percent() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let path = "/tenants/acme/prices";

    let whole = operator.put(path, &fixed(100_000)).await;
    let one =
        json!({ "models": { FLUX_DEV: { "markup": { "percent": "12.5", "floor_usd": "0.02" } } } });
    let set = operator.patch(path, &one).await;
    let others = operator.patch(path, &json!({ "unlisted": "refuse" })).await;
    let removed = operator.delete(&format!("{path}/{MODEL}")).await;

    assert_eq!(
        (
            whole.status.as_u16(),
            set.status.as_u16(),
            others.status.as_u16()
        ),
        (200, 200, 200),
        "{:?}",
        set.body
    );
    assert_eq!(
        set.body["prices"]["models"][MODEL],
        json!({ "fixed": { "usd": "0.10" } })
    );
    assert_eq!(
        set.body["prices"]["models"][FLUX_DEV],
        one["models"][FLUX_DEV]
    );
    assert_eq!(
        set.body["prices"]["unlisted"],
        json!({ "price": { "markup": { "percent": "0" } } })
    );
    assert_eq!(
        (
            others.body["prices"]["models"].as_object().unwrap().len(),
            removed.status.as_u16()
        ),
        (2, 200)
    );
    assert_eq!(removed.body["prices"]["models"], one["models"]);
    let again = operator.delete(&format!("{path}/{MODEL}")).await;
    assert_eq!(
        (again.status.as_u16(), again.text("/code").as_str()),
        (404, "price_not_listed")
    );
    let told = operator.get("/audit?limit=3").await.body["entries"].clone();
    assert_eq!(
        (
            &told[0]["detail"]["removed"],
            &told[1]["detail"]["unlisted"]
        ),
        (&json!(MODEL), &json!("refuse"))
    );
    assert_eq!(told[2]["detail"]["set"], one["models"]);
}

#[tokio::test]
async fn a_price_for_a_model_that_the_provider_does_not_list_is_refused_unless_it_is_forced() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let slip = "wavespeed-ai/flux-kontext-mx";
    let prices = json!({ "models": { slip: { "fixed": { "usd": "1.00" } } } });

    for refused in [
        operator.patch("/tenants/acme/prices", &prices).await,
        operator.put("/tenants/acme/prices", &prices).await,
    ] {
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code").as_str()),
            (400, "unknown_model")
        );
        assert_eq!(refused.text("/field"), slip);
        let detail = refused.text("/detail");
        assert!(
            detail.contains(&format!("did you mean '{MODEL}'")) && detail.contains("force=true"),
            "{detail}"
        );
    }
    assert_eq!(operator.get("/tenants/acme").await.body["version"], 1);
    let forced = operator
        .patch("/tenants/acme/prices?force=true", &prices)
        .await;
    assert_eq!(
        (forced.status.as_u16(), &forced.body["prices"]["models"]),
        (200, &prices["models"])
    );
}

#[tokio::test]
async fn of_operators_at_once_none_loses_another_s_price() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let models: Vec<String> = (0..8).map(|n| format!("new/model-{n}")).collect();

    let set = models.iter().map(|model| {
        let prices = json!({ "models": { (model.as_str()): { "fixed": { "usd": "1" } } } });
        let operator = gateway.operator();
        tokio::spawn(async move {
            operator
                .patch("/tenants/acme/prices?force=true", &prices)
                .await
        })
    });
    for set in set.collect::<Vec<_>>() {
        let set = set.await.unwrap();
        assert_eq!(set.status, 200, "{:?}", set.body);
    }

    let book = operator.get("/tenants/acme/prices").await.body;
    assert_eq!(
        book["models"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        models.iter().collect::<Vec<_>>()
    );
    // A whole book is for what its maker read.
    let mut stale = book.clone();
    stale["version"] = json!(book["version"].as_u64().unwrap() - 1);
    let refused = operator.put("/tenants/acme/prices", &stale).await;
    assert_eq!(
        (refused.status.as_u16(), refused.text("/code").as_str()),
        (409, "version_conflict")
    );
    assert_eq!(
        operator.put("/tenants/acme/prices", &book).await.status,
        200
    );
}

#[tokio::test]
async fn a_price_under_cost_is_judged_where_it_is_changed() {
    let gateway = Gateway::start().await;
    let (operator, _) = (gateway.operator(), gateway.tenant("acme", "1").await);
    let path = "/tenants/acme/prices";
    let capped =
        json!({ "unlisted": { "price": { "markup": { "percent": "20", "cap_usd": "0.01" } } } });
    assert_eq!(
        operator
            .patch(&format!("{path}?allow_under_cost=true"), &capped)
            .await
            .status,
        200
    );

    let dear = json!({ "models": { MODEL: { "fixed": { "usd": "0.10" } } } });
    let set = operator.patch(path, &dear).await;
    let removed = operator.delete(&format!("{path}/{MODEL}")).await;

    assert_eq!(
        (set.status.as_u16(), &set.body["under_cost"]),
        (200, &json!(["unlisted"]))
    );
    assert_eq!(
        (removed.status.as_u16(), removed.text("/code").as_str()),
        (400, "under_cost")
    );
    assert_eq!(removed.text("/field"), MODEL);
    assert_eq!(
        operator
            .delete(&format!("{path}/{MODEL}?allow_under_cost=true"))
            .await
            .status,
        200
    );
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
    assert_eq!(
        (other.status.as_u16(), other.text("/code").as_str()),
        (409, "reference_used")
    );
    assert!(other.text("/detail").contains("use a new one"));
    for amount in [
        "-1",
        "0",
        "1e3",
        "0.0000001",
        "9223372036854.775807",
        "99999999999999999999",
        "",
    ] {
        let refused = top_up(amount, "invoice 8").await;
        assert_eq!(
            (refused.status.as_u16(), refused.text("/code").as_str()),
            (400, "invalid_amount"),
            "{amount}"
        );
    }
    assert_eq!(top_up("1", "").await.text("/code"), "invalid_reference");
    assert_eq!(tenant.balance_usd().await, 5.0);
    let topped_up = operator
        .audit()
        .await
        .into_iter()
        .filter(|(action, _)| action == "account.topped_up")
        .count();
    assert_eq!(topped_up, 1);
}
