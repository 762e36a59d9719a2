//! Files on their way in.

mod broken;
mod many;
mod sizes;
mod tickets;

use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, TestTenant};
use reqwest::multipart::{Form, Part};
use serde_json::json;

const PATH: &str = "/api/v3/media/upload/binary";

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
    assert_eq!(gateway.emulator.upload_count(), 0, "neither is stored");
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

/// A head that announces a form.
fn form_head(tenant: &TestTenant, body: &str) -> String {
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: multipart/form-data; boundary=b\r\n{body}\r\n\r\n",
        tenant.token
    )
}

/// The same bytes again and again, which cost the test no memory.
fn repeated(bytes: usize) -> reqwest::Body {
    static PIECE: [u8; 64 * 1024] = [7; 64 * 1024];
    let left = futures::stream::unfold(bytes, |left| async move {
        let size = left.min(PIECE.len());
        (size > 0).then(|| (Ok::<_, std::io::Error>(&PIECE[..size]), left - size))
    });
    reqwest::Body::wrap_stream(left)
}

/// Announced with its length.
fn repeated_file(bytes: usize) -> Form {
    let part = Part::stream_with_length(repeated(bytes), bytes as u64);
    Form::new().part("file", part.file_name("training.bin"))
}

fn told(answer: &Answer) -> (u16, String, String) {
    let status = answer.status.as_u16();
    (status, answer.text("/error_code"), answer.text("/field"))
}

async fn upload(tenant: &TestTenant, form: Form) -> Answer {
    tenant
        .send(tenant.http().post(tenant.url(PATH)).multipart(form))
        .await
}
