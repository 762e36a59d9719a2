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

#[tokio::test]
async fn a_file_that_an_event_cannot_carry_is_refused_with_the_way_that_takes_it() {
    let stack = Stack::start().await;
    let tenant = stack.tenant("acme", "1").await;
    let bytes = 4 * 1024 * 1024 + 1;
    let form = |bytes| Form::new().part("file", Part::bytes(vec![7; bytes]).file_name("a.bin"));
    let path = tenant.url("/api/v3/media/upload/binary");

    let largest = tenant.http().post(&path).multipart(form(bytes - 1));
    let largest = tenant.send(largest).await;
    let over = tenant.send(tenant.http().post(&path).multipart(form(bytes)));
    let over = over.await;
    let request = serde_json::json!({ "filename": "a.bin", "size": bytes });
    let ticket = tenant.post("/api/v3/media/uploads", &request).await;
    let url = ticket.text("/data/upload/url");
    let put = tenant.http().put(url).body(vec![7; bytes]).send().await;

    assert_eq!(largest.status, 200, "{:?}", largest.body);
    assert_eq!(over.status, 413, "{:?}", over.body);
    assert_eq!(over.text("/error_code"), "upload_too_large");
    let says = over.text("/message");
    for part in [
        "4194304 bytes",
        "209715200 bytes",
        "POST its filename and size to /api/v3/media/uploads",
    ] {
        assert!(says.contains(part), "{says}");
    }
    assert!(put.unwrap().status().is_success());
}
