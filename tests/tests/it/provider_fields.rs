//! The fields and paths of the provider's API that its clients send and read.

use std::time::Duration;

use fluxgate_core::time::Timestamp;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant};
use serde_json::{Value, json};

const LIST: &str = "/api/v3/predictions";
const FLUX_DEV: &str = "wavespeed-ai/flux-dev";
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async fn listed(tenant: &TestTenant, body: Value) -> Value {
    let answer = tenant.post(LIST, &body).await;
    assert_eq!(answer.status, 200, "{body}: {:?}", answer.body);
    answer.body["data"].clone()
}

#[tokio::test]
async fn a_submit_answers_created_with_the_inputs_and_the_model_s_defaults() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let image = tenant.upload().await;
    let inputs = json!({ "prompt": "x", "image": image, "own": 1, "aspect_ratio": null });

    let submitted = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;
    let ended = tenant.ended(&submitted.text("/data/id")).await;

    assert_eq!(submitted.text("/data/status"), "created");
    let input = &submitted.body["data"]["input"];
    assert_eq!(
        (&input["prompt"], &input["image"]),
        (&json!("x"), &json!(image))
    );
    assert_eq!(input["guidance_scale"], 3.5, "a default: {input}");
    assert_eq!(
        (&input["own"], &input["aspect_ratio"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(ended["status"], "completed");
    assert_eq!(ended["executionTime"], ended["timings"]["inference"]);
    assert!(ended["executionTime"].as_u64() > Some(0), "{ended}");
    assert_eq!(submitted.body["data"].get("executionTime"), None);
}

#[tokio::test]
async fn a_read_of_a_running_task_says_processing_where_its_submit_said_created() {
    let gateway = Gateway::with(GatewayOptions {
        run_time: Duration::from_secs(36_000),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let submitted = tenant.submit_with_key(&inputs, "one").await;
    let again = tenant.submit_with_key(&inputs, "one").await;

    assert_eq!(submitted.text("/data/status"), "created");
    assert_eq!(
        again.body["data"], submitted.body["data"],
        "a repeated submit"
    );
    let id = submitted.text("/data/id");
    assert_eq!(tenant.result(&id).await["status"], "processing");
}

#[tokio::test]
async fn a_list_includes_inputs_where_it_is_asked_to_and_tells_how_many_there_are() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let embedded = format!("data:image/png;base64,{PNG}");
    for prompt in ["one", "two", "three"] {
        let task = tenant
            .submit(&json!({ "prompt": prompt, "image": embedded }))
            .await;
        tenant.ended(&task).await;
    }

    let page = listed(&tenant, json!({ "page_size": 2, "include_inputs": true })).await;
    let plain = listed(&tenant, json!({ "page_size": 2, "include_inputs": null })).await;
    let beyond = listed(&tenant, json!({ "page": 500_000, "page_size": 100 })).await;
    let none = listed(&tenant, json!({ "model": FLUX_DEV })).await;

    assert_eq!((&page["total"], &plain["total"]), (&json!(3), &json!(3)));
    let inputs: Vec<&Value> = page["items"].as_array().unwrap().iter().collect();
    assert_eq!(inputs[0]["input"]["prompt"], "three");
    assert_eq!(inputs[1]["input"]["guidance_scale"], 3.5);
    assert_eq!(inputs[0]["input"]["image"], "data:image/png;base64,…");
    assert_eq!(plain["items"][0].get("input"), None);
    assert_eq!(
        (&beyond["items"], &beyond["total"]),
        (&json!([]), &json!(3))
    );
    assert_eq!((&none["items"], &none["total"]), (&json!([]), &json!(0)));
}

#[tokio::test]
async fn blank_media_and_null_inputs_count_as_not_given() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for blank in [json!(""), json!("  "), json!(null)] {
        let inputs = json!({ "prompt": "x", "image": blank, "mask_image": blank });
        let answer = tenant.post(&format!("/api/v3/{FLUX_DEV}"), &inputs).await;
        assert_eq!(answer.status, 200, "{blank}: {:?}", answer.body);
    }
    let image = tenant.upload().await;
    let multi = format!("/api/v3/{MODEL}/multi");
    let inputs = json!({ "prompt": "x", "images": ["", image, null, " "] });
    let answer = tenant.post(&multi, &inputs).await;
    assert_eq!(answer.status, 200, "{:?}", answer.body);
    assert_eq!(answer.body["data"]["input"]["images"], json!([image]));
    let nothing = json!({ "prompt": "x", "images": ["", " "] });
    let answer = tenant.post(&multi, &nothing).await;
    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (400, "images")
    );
    let question = json!({ "model_id": MODEL, "inputs": null });
    for path in ["/api/v3/model/pricing", "/api/v3/model/price"] {
        let answer = tenant.post(path, &question).await;
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
    }
    let nulls = json!({ "page": null, "page_size": null, "model": "", "status": null });
    assert_eq!(listed(&tenant, nulls).await["total"], 4);
}

#[tokio::test]
async fn a_time_without_an_offset_is_utc_and_a_date_alone_the_whole_day() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let task = tenant.submit(&tenant.inputs().await).await;
    let created_at = tenant.ended(&task).await["created_at"].clone();
    let created_at = created_at
        .as_str()
        .unwrap()
        .trim_end_matches('Z')
        .to_owned();
    let day = &created_at[..10];
    let at = Timestamp::from_rfc3339_or_utc(&created_at).unwrap();
    let before = at.minus_ms(1).rfc3339().replace('Z', "");

    for (body, total) in [
        (
            json!({ "created_after": created_at, "created_before": created_at }),
            1,
        ),
        (json!({ "created_after": day, "created_before": day }), 1),
        (json!({ "created_before": before.replace('T', " ") }), 0),
    ] {
        assert_eq!(
            listed(&tenant, body.clone()).await["total"],
            total,
            "{body}"
        );
    }
    let window = json!({ "start_time": day, "end_time": day });
    let stats = tenant.post("/api/v3/user/usage_stats", &window).await;
    assert_eq!(
        stats.body["data"]["summary"]["total_requests"], 1,
        "{:?}",
        stats.body
    );
    let window = json!({ "start_time": day, "end_time": day, "model_uuid": MODEL });
    let bill = tenant.post("/api/v3/billings/search", &window).await;
    assert_eq!(
        bill.text("/data/items/0/prediction/model_uuid"),
        MODEL,
        "{:?}",
        bill.body
    );
    let other = json!({ "model_uuid": FLUX_DEV });
    let bill = tenant.post("/api/v3/billings/search", &other).await;
    assert_eq!(bill.body["data"]["total"], 0, "{:?}", bill.body);
}

#[tokio::test]
async fn paths_with_a_slash_behind_them_and_legacy_paths_are_the_same_routes() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;

    let slashed = tenant.post(&format!("/api/v3/{MODEL}/"), &inputs).await;
    let legacy = tenant.post(&format!("/api/v2/{MODEL}"), &inputs).await;
    let variant = json!({ "prompt": "x" });
    let variant = tenant
        .post(&format!("/api/v2/{MODEL}/text-to-image/"), &variant)
        .await;

    for answer in [slashed, legacy, variant] {
        assert_eq!(answer.status, 200, "{:?}", answer.body);
        let id = answer.text("/data/id");
        for path in [
            format!("/api/v3/predictions/{id}/result/"),
            format!("/api/v3/predictions/{id}/"),
            format!("/api/v2/predictions/{id}"),
            format!("/api/v2/predictions/{id}/result"),
            format!("/v1/tasks/{id}/"),
        ] {
            assert_eq!(tenant.get(&path).await.status, 200, "{path}");
        }
    }
    for path in [
        "/api/v3/models/",
        "/api/v3/balance/?x=1",
        "/v1/tasks/?limit=1",
    ] {
        assert_eq!(tenant.get(path).await.status, 200, "{path}");
    }
    assert_eq!(
        tenant.post("/api/v3/predictions/", &json!({})).await.status,
        200
    );
}

#[tokio::test]
async fn the_catalogue_says_to_submit_here() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let models = tenant.get("/api/v3/models").await;

    let entries = models.body["data"].as_array().unwrap().clone();
    assert!(!entries.is_empty());
    for entry in entries {
        let run = &entry["api_schema"]["api_schemas"][0];
        let path = format!("/api/v3/{}", entry["model_id"].as_str().unwrap());
        assert_eq!(
            (&run["server"], &run["api_path"]),
            (&json!(gateway.url("")), &json!(path))
        );
    }
}
