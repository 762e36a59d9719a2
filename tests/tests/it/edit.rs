//! One edit, the whole way.

use fluxgate_core::digest::sha256;
use fluxgate_tests::gateway::patient;
use fluxgate_tests::tenant::MODEL;
use fluxgate_tests::{Gateway, GatewayOptions, LiveReceiver};
use serde_json::json;

#[tokio::test]
async fn an_edit_is_archived_then_charged_then_announced() {
    let gateway = Gateway::with(GatewayOptions {
        bounds: patient(),
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let receiver = LiveReceiver::start().await;
    let (_, secret) = tenant.endpoint(&receiver.url("events")).await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let callback = receiver.about(&task, 1).await.remove(0);

    let prediction = tenant.result(&task).await;
    assert_eq!(prediction["status"], "completed");
    let object = &prediction["objects"][0];
    let output = tenant
        .download(prediction["outputs"][0].as_str().unwrap())
        .await;
    assert_eq!(object["sha256"], hex(&sha256(&output)));
    assert_eq!(object["bytes"], output.len());
    assert!(
        object["s3_uri"]
            .as_str()
            .unwrap()
            .starts_with("s3://fluxgate-acme/")
    );
    assert!(image::guess_format(&output).is_ok());
    assert_ne!(output, fluxgate_emulator::DEMO_PHOTO);
    assert_eq!(tenant.balance_usd().await, 0.92);
    standardwebhooks::Webhook::new(&secret)
        .unwrap()
        .verify(&callback.body, &callback.headers)
        .unwrap();
    let event = callback.json();
    assert_eq!(event["type"], "task.completed");
    assert_eq!(event["data"]["objects"][0], *object);
    assert_eq!(event["data"]["charged_usd"], 0.08);
    assert_eq!(tenant.timeline(&task).await["completed_by"], "webhook");
    assert_eq!(
        tenant.steps(&task).await,
        [
            "admitted",
            "submit_started",
            "accepted",
            "finished",
            "archived"
        ]
    );
    gateway.stop().await;
}

#[tokio::test]
async fn without_a_public_url_polling_alone_completes_an_edit() {
    let gateway = Gateway::with(GatewayOptions {
        webhooks: false,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    assert_eq!(tenant.timeline(&task).await["completed_by"], "poll");
    assert_eq!(gateway.emulator.runs()[0].webhook, None);
}

#[tokio::test]
async fn a_submit_answers_in_the_provider_s_shape() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let answer = tenant
        .post(&format!("/api/v3/{MODEL}"), &tenant.inputs().await)
        .await;

    assert_eq!(
        (answer.status.as_u16(), &answer.body["code"]),
        (200, &json!(200))
    );
    let data = &answer.body["data"];
    let id = data["id"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(data["model"], MODEL);
    assert_eq!(data["outputs"], json!([]));
    assert_eq!(data["error"], "");
    assert_eq!(
        data["urls"]["get"],
        gateway.url(&format!("/api/v3/predictions/{id}/result"))
    );
    assert!(["created", "processing"].contains(&data["status"].as_str().unwrap()));
    for path in [
        format!("/api/v3/predictions/{id}"),
        format!("/api/v2/predictions/{id}/result"),
    ] {
        assert_eq!(tenant.get(&path).await.text("/data/id"), id);
    }
}

#[tokio::test]
async fn the_provider_never_learns_the_tenant_s_token_and_the_tenant_never_learns_the_key() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let task = tenant.submit(&tenant.inputs().await).await;
    let prediction = tenant.ended(&task).await;

    let told = format!("{prediction}{}", tenant.timeline(&task).await);
    assert!(!told.contains(gateway.emulator.api_key()));
    let runs = serde_json::to_string(&gateway.emulator.runs()).unwrap();
    assert!(!runs.contains(&tenant.token));
}

#[tokio::test]
async fn sync_mode_holds_the_submit_until_the_end() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut inputs = tenant.inputs().await;
    inputs["enable_sync_mode"] = json!(true);

    let answer = tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await;

    assert_eq!(answer.text("/data/status"), "completed");
    assert_eq!(answer.body["data"]["outputs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stop_answers_who_waits_and_the_task_goes_on_after_the_next_start() {
    let run_time = std::time::Duration::from_secs(600);
    let gateway = Gateway::with(GatewayOptions {
        run_time,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let mut inputs = tenant.inputs().await;
    inputs["enable_sync_mode"] = json!(true);

    let waiting =
        tokio::spawn(async move { tenant.post(&format!("/api/v3/{MODEL}"), &inputs).await });
    fluxgate_tests::eventually("the run", || async {
        (gateway.emulator.runs().len() == 1).then_some(())
    })
    .await;
    gateway.stop().await;

    let answer = waiting.await.unwrap();
    assert_eq!(
        (answer.status.as_u16(), answer.text("/data/status").as_str()),
        (200, "processing")
    );
    assert_eq!(answer.body["data"]["code"], 5004);
    assert_eq!(answer.text("/data/id").len(), 32);
}

#[tokio::test]
async fn a_model_that_makes_several_pictures_has_them_all_archived() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let answer = tenant
        .post(
            "/api/v3/wavespeed-ai/flux-dev",
            &json!({ "prompt": "dunes", "num_images": 2 }),
        )
        .await;
    let prediction = tenant.ended(&answer.text("/data/id")).await;

    assert_eq!(prediction["status"], "completed", "{prediction}");
    assert_eq!(prediction["objects"].as_array().unwrap().len(), 2);
    assert_eq!(prediction["charged_usd"], 0.024);
}

#[tokio::test]
async fn predictions_are_listed_newest_first() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let inputs = tenant.inputs().await;
    let first = tenant.submit(&inputs).await;
    let second = tenant.submit(&inputs).await;

    let page = tenant
        .post("/api/v3/predictions", &json!({ "page": 1, "page_size": 1 }))
        .await;
    let next = tenant
        .post("/api/v3/predictions", &json!({ "page": 2, "page_size": 1 }))
        .await;

    assert_eq!(page.text("/data/items/0/id"), second);
    assert_eq!(next.text("/data/items/0/id"), first);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
