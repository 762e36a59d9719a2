//! Files on their way in and out through Lambda events: forms come as base64, outputs by a
//! redirect.

use fluxgate_emulator::{DEMO_PHOTO, EmulatorConfig, Faults, OddOutput};
use fluxgate_tests::gateway::emulator_config;
use fluxgate_tests::{Stack, StackOptions};
use reqwest::multipart::{Form, Part};

#[tokio::test]
async fn a_form_with_other_fields_is_taken_and_a_drawing_is_an_attachment() {
    let faults = Faults {
        odd_output: Some(OddOutput::Svg),
        ..Faults::default()
    };
    let emulator = EmulatorConfig {
        faults,
        ..emulator_config()
    };
    let stack = Stack::with(StackOptions {
        emulator,
        ..StackOptions::default()
    })
    .await;
    let tenant = stack.tenant("acme", "1").await;
    let file = Part::bytes(DEMO_PHOTO.to_vec()).file_name("C:\\photos\\cat.jpg");
    let form = Form::new()
        .text("purpose", "edit")
        .part("file", file)
        .text("note", "x".repeat(100_000));

    let uploaded = tenant
        .send(
            tenant
                .http()
                .post(tenant.url("/api/v3/media/upload/binary"))
                .multipart(form),
        )
        .await;
    let image = uploaded.text("/data/download_url");
    let task = tenant
        .submit(&serde_json::json!({ "prompt": "sketch", "image": image }))
        .await;
    let prediction = tenant.ended(&task).await;

    assert_eq!(
        (uploaded.text("/data/filename"), uploaded.text("/data/type")),
        ("cat.jpg".into(), "image".into())
    );
    assert_eq!(
        prediction["objects"][0]["content_type"], "image/svg+xml",
        "{prediction}"
    );
    let answer = tenant
        .http()
        .get(prediction["outputs"][0].as_str().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["content-disposition"], "attachment");
}
