//! Pictures on their way in.

use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, TestTenant};
use reqwest::multipart::{Form, Part};
use serde_json::json;

#[tokio::test]
async fn a_ticket_takes_the_bytes_without_a_token_and_the_model_can_fetch_them() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let photo = fluxgate_emulator::DEMO_PHOTO;

    let request =
        json!({ "filename": "photo.jpg", "size": photo.len(), "content_type": "image/jpeg" });
    let ticket = tenant.post("/api/v3/media/uploads", &request).await;
    let put = tenant
        .http()
        .put(ticket.text("/data/upload/url"))
        .body(photo.to_vec());
    let headers = ticket.body["data"]["upload"]["headers"]
        .as_object()
        .unwrap()
        .clone();
    let put = headers.iter().fold(put, |put, (name, value)| {
        put.header(name, value.as_str().unwrap())
    });
    assert!(put.send().await.unwrap().status().is_success());

    let task = tenant
        .submit(&json!({ "prompt": "sepia", "image": ticket.text("/data/download_url") }))
        .await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
}

#[tokio::test]
async fn a_data_uri_is_a_picture_like_any_other() {
    use base64::Engine as _;
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let photo = base64::engine::general_purpose::STANDARD.encode(fluxgate_emulator::DEMO_PHOTO);

    let task = tenant
        .submit(&json!({ "prompt": "sepia", "image": format!("data:image/jpeg;base64,{photo}") }))
        .await;

    assert_eq!(tenant.ended(&task).await["status"], "completed");
    let sent = gateway.emulator.runs()[0].inputs["image"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        sent.starts_with("http"),
        "the model was sent {}",
        &sent[..40.min(sent.len())]
    );
}

#[tokio::test]
async fn an_upload_without_a_file_is_refused() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let form = reqwest::multipart::Form::new().text("other", "x");

    let answer = tenant
        .send(
            tenant
                .http()
                .post(tenant.url("/api/v3/media/upload/binary"))
                .multipart(form),
        )
        .await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (400, "file")
    );
}

#[tokio::test]
async fn an_empty_file_is_no_upload() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let file = Part::bytes(Vec::new())
        .file_name("photo.jpg")
        .mime_str("image/jpeg")
        .unwrap();

    let answer = upload(
        &tenant,
        Form::new().text("purpose", "edit").part("file", file),
    )
    .await;
    let ticket = tenant
        .post(
            "/api/v3/media/uploads",
            &json!({ "filename": "photo.jpg", "size": 0 }),
        )
        .await;

    for (answer, field) in [(answer, "file"), (ticket, "size")] {
        let told = (
            answer.status.as_u16(),
            answer.text("/error_code"),
            answer.text("/field"),
        );
        assert_eq!(
            told,
            (400, "invalid_upload".to_owned(), field.to_owned()),
            "{:?}",
            answer.body
        );
        assert!(
            answer.text("/message").contains("the file is empty"),
            "{:?}",
            answer.body
        );
    }
    assert_eq!(
        (
            gateway.emulator.request_count("upload_binary"),
            gateway.emulator.request_count("upload_ticket")
        ),
        (0, 0)
    );
}

/// Any file type: training archives are uploaded like pictures.
#[tokio::test]
async fn an_upload_passes_up_to_the_gateway_s_own_bound_which_is_the_one_that_is_told() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let file = |bytes: usize| {
        Form::new().part(
            "file",
            Part::bytes(vec![1; bytes]).file_name("training.bin"),
        )
    };

    let within = upload(&tenant, file(99_000_000)).await;
    let over = upload(&tenant, file(101 * 1024 * 1024)).await;
    let ticket = |size: u64| json!({ "filename": "training.bin", "size": size });
    let ticket_within = tenant
        .post("/api/v3/media/uploads", &ticket(99_000_000))
        .await;
    let ticket_over = tenant
        .post("/api/v3/media/uploads", &ticket(101 * 1024 * 1024))
        .await;

    assert_eq!(
        (within.status.as_u16(), &within.body["data"]["size"]),
        (200, &json!(99_000_000)),
        "{:?}",
        within.body
    );
    assert_eq!(ticket_within.status, 200, "{:?}", ticket_within.body);
    for over in [over, ticket_over] {
        assert_eq!(
            (over.status.as_u16(), over.text("/error_code").as_str()),
            (413, "upload_too_large")
        );
        assert!(
            over.text("/message")
                .contains("larger than 104857600 bytes"),
            "{:?}",
            over.body
        );
    }
}

#[tokio::test]
async fn an_upload_over_the_bound_is_413_and_one_that_is_no_form_is_400() {
    let bounds = fluxgate_local::settings::BoundsSettings {
        upload_bytes_max: Some(10_000),
        ..fluxgate_tests::gateway::quick()
    };
    let gateway = Gateway::with(fluxgate_tests::GatewayOptions {
        bounds,
        ..Default::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    let path = tenant.url("/api/v3/media/upload/binary");
    let part = reqwest::multipart::Part::bytes(vec![1; 50_000]).file_name("large.png");

    let large = tenant
        .send(
            tenant
                .http()
                .post(&path)
                .multipart(reqwest::multipart::Form::new().part("file", part)),
        )
        .await;
    let ticket = tenant
        .post(
            "/api/v3/media/uploads",
            &json!({ "filename": "x.png", "size": 50_000 }),
        )
        .await;
    let no_form = tenant.send(tenant.http().post(&path).body("x")).await;

    assert_eq!(
        (large.status.as_u16(), large.text("/error_code").as_str()),
        (413, "upload_too_large")
    );
    assert_eq!(
        (ticket.status.as_u16(), ticket.text("/field").as_str()),
        (413, "size")
    );
    assert_eq!(
        (no_form.status.as_u16(), no_form.text("/field").as_str()),
        (400, "file")
    );
}

/// By the name under which the file is stored.
fn forms_with_one_file() -> Vec<(&'static str, Form)> {
    let photo = || Part::bytes(fluxgate_emulator::DEMO_PHOTO.to_vec());
    vec![
        (
            "photo.jpg",
            Form::new()
                .text("purpose", "edit")
                .part("file", photo().file_name("photo.jpg")),
        ),
        (
            "photo.jpg",
            Form::new()
                .part("file", photo().file_name("photo.jpg"))
                .text("note", "x".repeat(2_000_000)),
        ),
        (
            "photo.jpg",
            Form::new()
                .part("thumbnail", photo().file_name("a.jpg"))
                .part("file", photo().file_name("photo.jpg")),
        ),
        (
            "cat.jpg",
            Form::new().part("file", photo().file_name("C:\\photos\\cat.jpg")),
        ),
        (
            "my \"cat\".jpg",
            Form::new().part("file", photo().file_name("../../my \"cat\".jpg")),
        ),
        ("upload", Form::new().part("file", photo())),
        (
            "photo.jpg",
            Form::new().part(
                "file",
                photo()
                    .file_name("photo.jpg")
                    .mime_str("application/octet-stream")
                    .unwrap(),
            ),
        ),
    ]
}

#[tokio::test]
async fn a_form_may_hold_other_fields_before_and_after_its_file() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (name, form) in forms_with_one_file() {
        let answer = upload(&tenant, form).await;

        assert_eq!(
            (
                answer.status.as_u16(),
                answer.text("/data/filename").as_str()
            ),
            (200, name),
            "{:?}",
            answer.body
        );
        // The type comes from the bytes when the client named none.
        assert_eq!(
            (
                answer.text("/data/type").as_str(),
                &answer.body["data"]["size"]
            ),
            ("image", &json!(fluxgate_emulator::DEMO_PHOTO.len()))
        );
        let stored = tenant
            .http()
            .get(answer.text("/data/download_url"))
            .send()
            .await
            .unwrap();
        assert_eq!(stored.headers()["content-type"], "image/jpeg");
        assert_eq!(stored.bytes().await.unwrap(), fluxgate_emulator::DEMO_PHOTO);
    }
}

#[tokio::test]
async fn two_files_in_one_form_are_refused_rather_than_one_lost() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let photo = || Part::bytes(fluxgate_emulator::DEMO_PHOTO.to_vec()).file_name("photo.jpg");

    let answer = upload(
        &tenant,
        Form::new().part("file", photo()).part("file", photo()),
    )
    .await;

    assert_eq!(
        (answer.status.as_u16(), answer.text("/field").as_str()),
        (400, "file"),
        "{:?}",
        answer.body
    );
}

#[tokio::test]
async fn an_uploaded_page_is_never_opened_in_the_emulator_s_name() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let page = Part::bytes(b"<script>alert(1)</script>".to_vec())
        .file_name("a.html")
        .mime_str("text/html")
        .unwrap();

    let answer = upload(&tenant, Form::new().part("file", page)).await;

    let stored = tenant
        .http()
        .get(answer.text("/data/download_url"))
        .send()
        .await
        .unwrap();
    assert_eq!(stored.headers()["content-disposition"], "attachment");
    assert_eq!(stored.headers()["x-content-type-options"], "nosniff");
}

async fn upload(tenant: &TestTenant, form: Form) -> Answer {
    tenant
        .send(
            tenant
                .http()
                .post(tenant.url("/api/v3/media/upload/binary"))
                .multipart(form),
        )
        .await
}
