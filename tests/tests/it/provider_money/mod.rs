//! The provider's money routes, per tenant: its shapes, the tenant's prices, and nothing of what
//! runs cost at the provider.

mod bills;

use std::collections::{BTreeMap, BTreeSet};

use fluxgate_core::app::{PricesChange, PricesEdit, TenantChange};
use fluxgate_core::id::ModelId;
use fluxgate_core::money::{MicroUsd, Price, PriceBook, Unlisted};
use fluxgate_core::port::TenantStore as _;
use fluxgate_core::tenant::{Actor, ClaimPath, Scope, ScopeMapping};
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, TestTenant};
use serde_json::{Map, Value, json};

const FLUX_DEV: &str = "wavespeed-ai/flux-dev";

/// Asks the provider's double, with the provider's key.
async fn provider(gateway: &Gateway, path: &str, body: Option<&Value>) -> Value {
    let url = format!("{}{path}", gateway.emulator.base_url());
    let request = match body {
        Some(body) => gateway.http().post(url).json(body),
        None => gateway.http().get(url),
    };
    request
        .bearer_auth(gateway.emulator.api_key())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

async fn ours(tenant: &TestTenant, path: &str, body: Option<&Value>) -> Value {
    let answer = match body {
        Some(body) => tenant.post(path, body).await,
        None => tenant.get(path).await,
    };
    assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    answer.body
}

/// The keys and the types, values left out; an array by its first element.
fn shape(value: &Value) -> Value {
    match value {
        Value::Null => json!("null"),
        Value::Bool(_) => json!("boolean"),
        Value::Number(_) => json!("number"),
        Value::String(_) => json!("string"),
        Value::Array(values) => Value::Array(values.first().map(shape).into_iter().collect()),
        Value::Object(map) => map
            .iter()
            .map(|(name, value)| (name.clone(), shape(value)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

async fn set_prices(gateway: &Gateway, tenant: &TestTenant, prices: PriceBook) {
    let edit = PricesEdit::Replace {
        book: prices,
        version: None,
    };
    let change = PricesChange {
        edit,
        allow_under_cost: true,
        allow_unknown_models: true,
    };
    let operator = gateway.server.folder().operator(None);
    operator
        .set_prices(&tenant.id, &change, &Actor::cli())
        .await
        .unwrap();
}

/// Half as much again for the one model, 5 cents for a run of the other, and no others.
fn book() -> PriceBook {
    let markup = Price::Markup {
        basis_points: 15_000,
        floor_micro_usd: None,
        cap_micro_usd: None,
    };
    let models = [
        (MODEL, markup),
        (
            FLUX_DEV,
            Price::Fixed {
                micro_usd: MicroUsd(50_000),
            },
        ),
    ];
    let models = models.map(|(model, price)| (ModelId::parse(model).unwrap(), price));
    PriceBook {
        models: BTreeMap::from(models),
        unlisted: Unlisted::Refuse,
    }
}

/// A window of 30 days around now.
fn around_now() -> Value {
    let day = 86_400_000;
    let at =
        |ms: i64| fluxgate_core::time::Timestamp(fluxgate_tests::contract::now().0 + ms).rfc3339();
    json!({ "start_time": at(-29 * day), "end_time": at(day) })
}

#[tokio::test]
async fn each_route_answers_in_the_provider_s_shape() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    tenant.ended(&task).await;

    let question = json!({ "model_id": MODEL, "inputs": { "prompt": "x" } });
    let window = around_now();
    for (path, body) in [
        ("/api/v3/balance", None),
        ("/api/v3/models", None),
        ("/api/v3/user/usage_stats", Some(&window)),
        (
            "/api/v3/billings/search",
            Some(&json!({ "page": 1, "page_size": 10 })),
        ),
        ("/api/v3/model/pricing", Some(&question)),
        ("/api/v3/model/price", Some(&question)),
    ] {
        let (told, wanted) = (
            ours(&tenant, path, body).await,
            provider(&gateway, path, body).await,
        );
        assert_eq!(shape(&told), shape(&wanted), "{path}");
        // What the provider's command line looks at.
        assert_eq!(
            (&told["code"], &told["message"]),
            (&json!(200), &json!("success")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_tenant_sees_its_own_prices_on_every_route_and_never_the_provider_s() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "10").await;
    set_prices(&gateway, &tenant, book()).await;
    let inputs = tenant.inputs().await;

    let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
    let task = answer.text("/data/id");
    let prediction = tenant.ended(&task).await;
    let question = json!({ "model_id": MODEL, "inputs": inputs });
    let pricing = ours(&tenant, "/api/v3/model/pricing", Some(&question)).await;
    let price = ours(&tenant, "/api/v3/model/price", Some(&question)).await;
    let models = ours(&tenant, "/api/v3/models", None).await;
    let stats = ours(&tenant, "/api/v3/user/usage_stats", Some(&around_now())).await;
    let bill = ours(&tenant, "/api/v3/billings/search", Some(&json!({}))).await;

    assert_eq!(answer.headers["fluxgate-price-usd"], "0.12");
    assert_eq!(prediction["charged_usd"], 0.12);
    assert_eq!(
        pricing["data"],
        json!({ "model_id": MODEL, "unit_price": 0.12, "currency": "USD" })
    );
    assert_eq!(
        (&price["data"]["price"], &price["data"]["discounted_price"]),
        (&json!(0.12), &json!(0.12))
    );
    assert_eq!(stats["data"]["per_model_usage"][0]["unit_price"], 0.12);
    assert_eq!(
        stats["data"]["summary"],
        json!({ "total_cost": 0.12, "total_requests": 1, "success_requests": 1 })
    );
    assert_eq!(
        (&bill["data"]["items"][0]["price"], &bill["data"]["total"]),
        (&json!(0.12), &json!(1))
    );
    let listed: Vec<&Value> = models["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| &model["model_id"])
        .collect();
    assert_eq!(listed, [MODEL, FLUX_DEV]);
    let timeline = tenant.timeline(&task).await;
    for told in [
        &prediction,
        &pricing,
        &price,
        &models,
        &stats,
        &bill,
        &timeline,
    ] {
        assert!(!numbers(told).contains(&0.08), "a provider's price: {told}");
    }
}

#[tokio::test]
async fn the_price_of_a_run_follows_its_inputs_unless_it_is_fixed() {
    let gateway = Gateway::start().await;
    let (at_cost, priced) = (
        gateway.tenant("at-cost", "1").await,
        gateway.tenant("priced", "1").await,
    );
    set_prices(&gateway, &priced, book()).await;
    let question = json!({ "model_id": FLUX_DEV, "inputs": { "prompt": "x", "num_images": 3 } });

    let unit_price = async |tenant: &TestTenant, question: &Value| {
        ours(tenant, "/api/v3/model/pricing", Some(question)).await["data"]["unit_price"].clone()
    };

    assert_eq!(unit_price(&at_cost, &question).await, 0.036);
    assert_eq!(
        unit_price(&at_cost, &json!({ "model_id": FLUX_DEV })).await,
        0.012
    );
    assert_eq!(unit_price(&priced, &question).await, 0.05);
}

#[tokio::test]
async fn a_model_that_is_not_allowed_or_not_there_has_no_price() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    set_prices(&gateway, &tenant, book()).await;

    for (model, status, code) in [
        ("wavespeed-ai/flux-kontext-pro", 403, "model_not_allowed"),
        ("wavespeed-ai/nothing", 404, "unknown_model"),
        ("nothing", 404, "unknown_model"),
    ] {
        for path in ["/api/v3/model/pricing", "/api/v3/model/price"] {
            let answer = tenant
                .post(path, &json!({ "model_id": model, "inputs": {} }))
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.text("/error_code").as_str()),
                (status, code),
                "{model}"
            );
        }
    }
    assert_eq!(gateway.emulator.request_count("pricing"), 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_question_is_named() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut long = around_now();
    long["start_time"] = json!("2020-01-01T00:00:00Z");
    let backwards =
        json!({ "start_time": "2026-01-02T00:00:00Z", "end_time": "2026-01-01T00:00:00Z" });

    for (path, body, field) in [
        ("/api/v3/user/usage_stats", long, "end_time"),
        ("/api/v3/user/usage_stats", backwards, "end_time"),
        (
            "/api/v3/user/usage_stats",
            json!({ "start_time": "yesterday", "end_time": "today" }),
            "start_time",
        ),
        (
            "/api/v3/billings/search",
            json!({ "start_time": "yesterday" }),
            "start_time",
        ),
        (
            "/api/v3/billings/search",
            json!({ "page_size": 101 }),
            "page_size",
        ),
        ("/api/v3/billings/search", json!({ "page": 0 }), "page"),
        (
            "/api/v3/billings/search",
            json!({ "prediction_uuids": vec!["x"; 101] }),
            "prediction_uuids",
        ),
    ] {
        let answer = tenant.post(path, &body).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (400, &json!(400)),
            "{body}"
        );
        assert_eq!(answer.text("/field"), field, "{body}: {:?}", answer.body);
    }
    let longest =
        json!({ "start_time": "2020-01-01T00:00:00Z", "end_time": "2020-02-01T00:00:00Z" });
    assert_eq!(
        ours(&tenant, "/api/v3/user/usage_stats", Some(&longest)).await["data"]["daily_usage"],
        json!([])
    );
}

#[tokio::test]
async fn a_token_without_the_scope_sees_no_money() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let folder = gateway.server.folder();
    let mut trust = folder.store.get(&tenant.id).await.unwrap().trust;
    // The local issuer's tokens have no claim for scopes; their subject serves as one.
    let words = BTreeMap::from([(
        "local:acme".to_owned(),
        BTreeSet::from([Scope::Submit, Scope::Read]),
    )]);
    trust[0].scopes = Some(ScopeMapping {
        claim: ClaimPath::named("sub"),
        words,
    });
    let change = TenantChange {
        trust: Some(trust),
        ..TenantChange::default()
    };
    folder
        .operator(None)
        .change(&tenant.id, change, &Actor::cli())
        .await
        .unwrap();

    let question = json!({ "model_id": MODEL });
    for (path, body) in [
        ("/api/v3/balance", None),
        ("/api/v3/user/usage_stats", Some(around_now())),
        ("/api/v3/billings/search", Some(json!({}))),
        ("/api/v3/model/pricing", Some(question.clone())),
        ("/api/v3/model/price", Some(question)),
        ("/v1/usage", None),
    ] {
        let answer = match &body {
            Some(body) => tenant.post(path, body).await,
            None => tenant.get(path).await,
        };
        assert_eq!(answer.status, 403, "{path}");
        assert!(
            answer.body.to_string().contains("'billing'"),
            "{path}: {:?}",
            answer.body
        );
    }
    assert_eq!(tenant.get("/api/v3/models").await.status, 200);
}

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Number(number) => number.as_f64().into_iter().collect(),
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(map) => map.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}
