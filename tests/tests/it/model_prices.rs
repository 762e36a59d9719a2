//! Prices in every form that the catalogue has them: the provider is asked only where a price
//! depends on inputs that were given, once for runs that cost the same, and nothing is guessed.

use fluxgate_tests::other_provider::entry;
use fluxgate_tests::{Gateway, GatewayOptions, OtherProvider, TestTenant};
use serde_json::{Value, json};

fn priced(id: &str, base_price: Value, formula: Value) -> Value {
    let mut entry = entry(id, "text-to-text");
    entry["base_price"] = base_price;
    entry["formula"] = formula;
    entry["discount_rate"] = json!("0");
    let inputs = &mut entry["api_schema"]["api_schemas"][0]["request_schema"]["properties"];
    inputs["num_images"] = json!({ "type": "integer", "default": 1, "maximum": 4 });
    inputs["seed"] = json!({ "type": "integer" });
    entry
}

async fn started() -> (Gateway, OtherProvider, TestTenant) {
    let mut tiers = priced("acme-ai/tiers", json!(1), json!(""));
    tiers["tiers"] = json!([{ "over": 10, "price": 2 }]);
    let mut discounted = priced("acme-ai/discounted", json!(1), json!(null));
    discounted["discount_rate"] = json!("15");
    let provider = OtherProvider::start(vec![
        discounted,
        priced("acme-ai/text", json!("0.50"), json!(null)),
        priced("acme-ai/none", json!(null), json!("")),
        priced(
            "acme-ai/formula",
            json!(0.25),
            json!("base_price * num_images"),
        ),
        priced(
            "acme-ai/size/of/picture",
            json!(1),
            json!("base_price * megapixels"),
        ),
        tiers,
    ])
    .await;
    provider.produce(json!(["A text."]));
    let gateway = Gateway::with(GatewayOptions::before(&provider)).await;
    let tenant = gateway.tenant("acme", "100").await;
    (gateway, provider, tenant)
}

async fn submit(tenant: &TestTenant, model: &str, inputs: &Value) -> (u16, String) {
    let answer = tenant.post(&format!("/api/v3/{model}"), inputs).await;
    let price = answer.headers.get("fluxgate-price-usd");
    let price = price.map(|price| price.to_str().unwrap().to_owned());
    (answer.status.as_u16(), price.unwrap_or_default())
}

#[tokio::test]
async fn a_price_is_quoted_only_where_given_inputs_change_it_and_once_for_the_same() {
    let (gateway, provider, tenant) = started().await;
    provider.quote_at(json!("0.75"));
    let plain = json!({ "prompt": "x" });

    let text = submit(
        &tenant,
        "acme-ai/text",
        &json!({ "prompt": "x", "num_images": 3 }),
    )
    .await;
    let by_default = submit(&tenant, "acme-ai/formula", &plain).await;

    assert_eq!(
        (text, by_default),
        ((200, "0.50".to_owned()), (200, "0.25".to_owned()))
    );
    assert!(provider.quotes().is_empty(), "{:?}", provider.quotes());
    for seed in 0..4 {
        let inputs = json!({ "prompt": format!("{seed}"), "num_images": 3, "seed": seed });
        let price = tenant
            .post(
                "/api/v3/model/price",
                &json!({ "model_id": "acme-ai/formula", "inputs": inputs }),
            )
            .await;
        let submitted = submit(&tenant, "acme-ai/formula", &inputs).await;

        assert_eq!(price.body["data"]["price"], 0.75, "{:?}", price.body);
        assert_eq!(submitted, (200, "0.75".to_owned()));
    }
    assert_eq!(provider.quotes().len(), 1, "{:?}", provider.quotes());
    let two = json!({ "prompt": "x", "num_images": 2 });
    submit(&tenant, "acme-ai/formula", &two).await;
    assert_eq!(provider.quotes().len(), 2, "another number");
    for model in ["acme-ai/none", "acme-ai/tiers", "acme-ai/size/of/picture"] {
        let before = provider.quotes().len();
        for prompt in ["x", "x", "y"] {
            let submitted = submit(&tenant, model, &json!({ "prompt": prompt })).await;
            assert_eq!(submitted, (200, "0.75".to_owned()), "{model}");
        }
        assert_eq!(provider.quotes().len(), before + 2, "{model}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn a_model_with_a_discount_costs_what_a_quote_says_wherever_its_price_is_told() {
    let (gateway, provider, tenant) = started().await;
    provider.quote_at(json!("0.85"));

    for prompt in ["x", "y"] {
        let inputs = json!({ "prompt": prompt });
        let question = json!({ "model_id": "acme-ai/discounted", "inputs": inputs });
        let priced = tenant.post("/api/v3/model/pricing", &question).await;
        let submitted = submit(&tenant, "acme-ai/discounted", &inputs).await;

        assert_eq!(priced.body["data"]["unit_price"], 0.85, "{:?}", priced.body);
        assert_eq!(submitted, (200, "0.85".to_owned()));
    }
    assert_eq!(provider.quotes().len(), 1, "{:?}", provider.quotes());
    gateway.stop().await;
}

#[tokio::test]
async fn runs_of_models_with_discounts_are_charged_what_the_provider_bills() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "10").await;
    for model in [
        "wavespeed-ai/qwen-image/text-to-image",
        "bytedance/seedance-v1-pro/t2v/1080p",
        "wavespeed-ai/z-image/turbo",
    ] {
        let answer = tenant
            .post(&format!("/api/v3/{model}"), &json!({ "prompt": "x" }))
            .await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        tenant.ended(&answer.text("/data/id")).await;
    }

    let report = gateway.operator().get("/reconcile").await.body;

    assert_eq!(report["findings"], json!([]), "{report}");
    assert_eq!(report["totals"]["tasks"], 3, "{report}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_price_that_cannot_be_asked_for_is_not_guessed_and_nothing_is_sent() {
    let (gateway, provider, tenant) = started().await;
    let inputs = json!({ "prompt": "x", "num_images": 2 });

    for model in [
        "acme-ai/discounted",
        "acme-ai/none",
        "acme-ai/formula",
        "acme-ai/tiers",
    ] {
        let question = json!({ "model_id": model, "inputs": inputs });
        let priced = tenant.post("/api/v3/model/pricing", &question).await;

        assert_eq!(priced.status, 503, "{model}: {:?}", priced.body);
        assert_eq!(submit(&tenant, model, &inputs).await.0, 503, "{model}");
    }
    assert!(provider.submitted().is_empty());
    assert!((tenant.balance_usd().await - 100.0).abs() < 1e-9);
    assert_eq!(submit(&tenant, "acme-ai/text", &inputs).await.0, 200);
    gateway.stop().await;
}

#[tokio::test]
async fn the_list_shows_a_price_in_any_form_at_the_tenant_s_terms() {
    let (gateway, _provider, tenant) = started().await;
    let prices = json!({
        "models": { "acme-ai/none": { "fixed": { "usd": "2" } } },
        "unlisted": { "price": { "markup": { "percent": "100" } } }
    });
    let set = gateway
        .operator()
        .patch("/tenants/acme/prices?allow_under_cost=true", &prices)
        .await;
    assert_eq!(set.status, 200, "{:?}", set.body);

    let listed = tenant.get("/api/v3/models").await;

    let shown: Vec<Value> = listed.body["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| json!([entry["model_id"], entry["base_price"], entry["formula"]]))
        .collect();
    let expected = [
        json!(["acme-ai/discounted", null, "quote"]),
        json!(["acme-ai/text", 1.0, null]),
        json!(["acme-ai/none", 2.0, ""]),
        json!(["acme-ai/formula", 0.5, "base_price * num_images"]),
        json!(["acme-ai/size/of/picture", 2.0, "base_price * megapixels"]),
        json!(["acme-ai/tiers", 2.0, ""]),
    ];
    assert_eq!(shown, expected);
    assert!(
        !listed.body.to_string().contains("\"tiers\":"),
        "what the provider charges"
    );
    gateway.stop().await;
}
