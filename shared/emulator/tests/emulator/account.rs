//! Lists, prices, bills.

use fluxgate_emulator::{Fault, Faults};
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

use crate::client::{Client, MAX, inputs};

const DEV: &str = "wavespeed-ai/flux-dev";

/// Two runs that completed and, between them, one of another model that failed.
async fn three_runs(client: &Client) -> [String; 3] {
    let first = client.run(MAX, &inputs()).await;
    client.emulator.set_faults(Faults {
        fail_task: Fault::Times(1),
        ..Faults::default()
    });
    let failed = client
        .run(DEV, &json!({"prompt": "a bee", "num_images": 2}))
        .await;
    let last = client.run(MAX, &inputs()).await;
    [first, failed, last].map(|prediction| prediction["id"].as_str().unwrap().to_owned())
}

async fn listed(client: &Client, search: Value) -> Vec<String> {
    let data = client.post("/api/v3/predictions", &search).await;
    let items = data["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_list_is_newest_first_paged_and_filtered() {
    let client = Client::new().await;
    let [first, failed, last] = three_runs(&client).await;
    let now = Timestamp::now();
    let created_at =
        client.get(&format!("/api/v3/predictions/{failed}")).await["created_at"].take();

    assert_eq!(
        listed(&client, json!({})).await,
        [last.clone(), failed.clone(), first.clone()]
    );
    assert_eq!(
        listed(&client, json!({"page": 2, "page_size": 2})).await,
        std::slice::from_ref(&first)
    );
    assert_eq!(
        listed(&client, json!({"model": MAX})).await,
        [last.clone(), first.clone()]
    );
    assert_eq!(
        listed(&client, json!({"status": "failed"})).await,
        std::slice::from_ref(&failed)
    );
    assert_eq!(
        listed(&client, json!({"created_after": created_at})).await,
        [last, failed]
    );
    assert_eq!(
        listed(&client, json!({"created_before": created_at})).await,
        [first]
    );
    assert!(
        listed(&client, json!({"created_after": now}))
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn the_list_echoes_inputs_with_defaults_when_asked() {
    let client = Client::new().await;
    client.run(MAX, &inputs()).await;

    let plain = client
        .post("/api/v3/predictions", &json!({"page": 1, "page_size": 10}))
        .await;
    let full = client
        .post("/api/v3/predictions", &json!({"include_inputs": true}))
        .await;

    assert_eq!((&plain["page"], &plain["total"]), (&json!(1), &json!(1)));
    assert!(plain["items"][0].get("input").is_none());
    let input = &full["items"][0]["input"];
    assert_eq!(
        (&input["seed"], &input["guidance_scale"]),
        (&json!(7), &json!(3.5))
    );
}

#[tokio::test]
async fn a_deleted_prediction_is_gone_with_its_outputs_but_stays_billed() {
    let client = Client::new().await;
    let [first, failed, last] = three_runs(&client).await;
    let path = format!("/api/v3/predictions/{first}/result");
    let output = client.get(&path).await["outputs"][0].take();
    assert_eq!(client.download(&output).await.status(), 200);

    let deleted = client
        .post(
            "/api/v3/predictions/delete",
            &json!({"ids": [first, "unknown", first]}),
        )
        .await;
    let bills = client
        .post(
            "/api/v3/billings/search",
            &json!({"prediction_uuids": [first]}),
        )
        .await;

    assert_eq!(deleted, json!({"deleted_count": 1}));
    assert_eq!(client.download(&output).await.status(), 404);
    let read = client.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(read.status(), 404);
    assert_eq!(listed(&client, json!({})).await, [last, failed]);
    assert_eq!(bills["total"], 1);
}

#[tokio::test]
async fn the_catalogue_is_a_bare_array_of_models() {
    let client = Client::new().await;

    let models = client.get("/api/v3/models").await;

    let models = models.as_array().unwrap();
    assert!(models.len() >= 50, "{}", models.len());
    let schema = &models[0]["api_schema"]["api_schemas"][0]["request_schema"];
    assert_eq!(
        (&models[0]["model_id"], &models[0]["base_price"]),
        (&json!(MAX), &json!(0.08))
    );
    assert_eq!(schema["required"], json!(["prompt", "image"]));
    assert_eq!(schema["properties"]["image"]["x-accept"], "image/*");
    let bounds = |name: &str| {
        let property = &schema["properties"][name];
        (property["minimum"].clone(), property["maximum"].clone())
    };
    assert_eq!(bounds("guidance_scale"), (json!(1), json!(10)));
    assert_eq!(bounds("seed"), (json!(-1), json!(9_999_999_999_i64)));
    assert_eq!(
        schema["properties"]["enable_safety_checker"]["default"],
        true
    );
}

#[tokio::test]
async fn a_price_follows_the_inputs_where_the_model_says_so() {
    let client = Client::new().await;
    let two = json!({"model_id": DEV, "inputs": {"prompt": "x", "num_images": 2}});
    let one = json!({"model_id": MAX, "inputs": {"num_images": 2}});

    let pricing = client.post("/api/v3/model/pricing", &two).await;
    let price = client.post("/api/v3/model/price", &one).await;

    assert_eq!(
        pricing,
        json!({"model_id": DEV, "unit_price": 0.024, "currency": "USD"})
    );
    assert_eq!(
        (&price["price"], &price["discounted_price"]),
        (&json!(0.08), &json!(0.08))
    );
}

#[tokio::test]
async fn every_run_that_did_not_fail_is_billed_and_lowers_the_balance() {
    let client = Client::new().await;
    let [first, failed, _] = three_runs(&client).await;

    let all = client
        .post(
            "/api/v3/billings/search",
            &json!({"page": 1, "page_size": 1}),
        )
        .await;
    let two = client
        .post(
            "/api/v3/billings/search",
            &json!({"prediction_uuids": [first, failed, "none"]}),
        )
        .await;
    let balance = client.get("/api/v3/balance").await["balance"]
        .as_f64()
        .unwrap();

    assert_eq!((&all["total"], &all["has_more"]), (&json!(2), &json!(true)));
    assert_eq!(
        (&two["total"], &two["has_more"]),
        (&json!(1), &json!(false))
    );
    let item = &two["items"][0];
    assert_eq!(
        (&item["billing_type"], &item["price"]),
        (&json!("deduct"), &json!(0.08))
    );
    assert_eq!(
        (&item["order"]["state"], &item["order"]["price"]),
        (&json!("done"), &json!(0.08))
    );
    assert_eq!(
        item["prediction"],
        json!({"uuid": first, "model_uuid": MAX, "status": "completed"})
    );
    assert!((balance - (1_000_000.0 - 0.16)).abs() < 1e-6, "{balance}");
}

#[tokio::test]
async fn a_failed_run_is_charged_by_a_fault_alone() {
    let client = Client::with(Faults {
        fail_task: Fault::Always,
        failure_charged: Fault::Times(1),
        ..Faults::default()
    })
    .await;

    let charged = client.run(MAX, &inputs()).await;
    client.run(MAX, &inputs()).await;
    let bills = client.post("/api/v3/billings/search", &json!({})).await;

    assert_eq!(bills["total"], 1, "{bills}");
    assert_eq!(bills["items"][0]["prediction"]["uuid"], charged["id"]);
    let balance = client.get("/api/v3/balance").await["balance"].as_f64();
    assert!((balance.unwrap() - (1_000_000.0 - 0.08)).abs() < 1e-6);
}

#[tokio::test]
async fn bills_are_searched_by_time() {
    let client = Client::new().await;
    three_runs(&client).await;
    let now = Timestamp::now().as_millisecond();

    let since = client
        .post(
            "/api/v3/billings/search",
            &json!({"start_time": (now + 1).to_string()}),
        )
        .await;
    let until = client
        .post(
            "/api/v3/billings/search",
            &json!({"end_time": (now + 1).to_string()}),
        )
        .await;

    assert_eq!((&since["total"], &until["total"]), (&json!(0), &json!(2)));
}

#[tokio::test]
async fn usage_is_summed_by_model_and_by_day() {
    let client = Client::new().await;
    three_runs(&client).await;
    let hour = SignedDuration::from_hours(1);
    let (start, end) = (Timestamp::now() - hour, Timestamp::now() + hour);

    let usage = client
        .post(
            "/api/v3/user/usage_stats",
            &json!({"start_time": start, "end_time": end}),
        )
        .await;

    assert_eq!(
        usage["summary"],
        json!({"total_cost": 0.16, "total_requests": 3, "success_requests": 2})
    );
    let [dev, max] = usage["per_model_usage"].as_array().unwrap().as_slice() else {
        panic!("{usage}")
    };
    assert_eq!(
        (&dev["model_uuid"], &dev["total_count"], &dev["total_cost"]),
        (&json!(DEV), &json!(1), &json!(0.0))
    );
    assert_eq!(
        (&max["model_type"], &max["unit_price"]),
        (&json!("image-to-image"), &json!(0.08))
    );
    let days = usage["daily_usage"].as_array().unwrap();
    assert_eq!(
        days.iter()
            .map(|day| day["count"].as_i64().unwrap())
            .sum::<i64>(),
        3
    );
}
