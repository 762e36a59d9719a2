//! Upload tickets: the file goes from the client to the provider.

use fluxgate_tests::tenant::Answer;
use fluxgate_tests::{Gateway, TestTenant};
use reqwest::StatusCode;
use serde_json::json;

use super::told;

const TICKETS: &str = "/api/v3/media/uploads";

/// As a client follows the ticket: without a token, and with its headers.
async fn put(tenant: &TestTenant, ticket: &Answer, file: &[u8]) -> StatusCode {
    let put = tenant
        .http()
        .put(ticket.text("/data/upload/url"))
        .body(file.to_vec());
    let headers = ticket.body["data"]["upload"]["headers"]
        .as_object()
        .unwrap();
    let put = headers.iter().fold(put, |put, (name, value)| {
        put.header(name, value.as_str().unwrap())
    });
    put.send().await.unwrap().status()
}

#[tokio::test]
async fn a_ticket_takes_the_bytes_without_a_token_and_the_model_can_fetch_them() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let photo = fluxgate_emulator::DEMO_PHOTO;

    let request =
        json!({ "filename": "photo.jpg", "size": photo.len(), "content_type": "image/jpeg" });
    let ticket = tenant.post(TICKETS, &request).await;
    assert!(put(&tenant, &ticket, photo).await.is_success());

    let task = tenant
        .submit(&json!({ "prompt": "sepia", "image": ticket.text("/data/download_url") }))
        .await;
    assert_eq!(tenant.ended(&task).await["status"], "completed");
}

#[tokio::test]
async fn a_ticket_takes_one_file_of_its_size_once() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let request = json!({ "filename": "photos/cat.png", "size": 5 });
    let ticket = tenant.post(TICKETS, &request).await;

    for lie in [&b"four"[..], b"longer"] {
        let status = put(&tenant, &ticket, lie).await;
        assert!(status.is_client_error(), "{status}");
        assert_eq!(gateway.emulator.upload_count(), 0);
    }
    let first = put(&tenant, &ticket, b"first").await;
    let again = put(&tenant, &ticket, b"again").await;

    assert!(first.is_success(), "{first}");
    assert!(again.is_client_error(), "{again}");
    let url = ticket.text("/data/download_url");
    assert!(url.ends_with("/cat.png"), "{url}");
    let stored = tenant.http().get(url).send().await.unwrap();
    assert_eq!(stored.bytes().await.unwrap(), "first");
}

/// A body, and the status, code, field and words of its refusal.
type Case = (String, u16, &'static str, &'static str, &'static str);

fn sizes() -> Vec<Case> {
    let sized = |size: &str| format!(r#"{{"filename":"cat.png","size":{size}}}"#);
    let whole = "a whole number from 1 to 209715200";
    let invalid = |size| (sized(size), 400, "invalid_parameter", "size", whole);
    let beyond = u64::MAX.to_string();
    vec![
        (sized("0"), 400, "invalid_upload", "size", "empty"),
        (sized("null"), 400, "missing_parameter", "size", "in bytes"),
        (sized(&beyond), 413, "upload_too_large", "size", "209715200"),
        invalid("-1"),
        invalid("1.5"),
        invalid("\"9\""),
        invalid("18446744073709551616"),
    ]
}

fn names() -> Vec<Case> {
    let long = "x".repeat(256);
    let invalid = |name: &str| {
        let request = json!({ "filename": name, "size": 1 }).to_string();
        let says = "1 to 255 bytes without control characters";
        (request, 400, "invalid_parameter", "filename", says)
    };
    vec![
        invalid(""),
        invalid("a\u{1}b"),
        invalid("a\r\nb"),
        invalid(&long),
    ]
}

#[tokio::test]
async fn a_ticket_for_no_file_or_an_impossible_one_names_what_is_wrong() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    for (request, status, code, field, says) in sizes().into_iter().chain(names()) {
        let call = tenant.http().post(tenant.url(TICKETS)).body(request);
        let answer = tenant.send(call).await;

        let expected = (status, code.to_owned(), field.to_owned());
        assert_eq!(told(&answer), expected, "{:?}", answer.body);
        let message = answer.text("/message");
        assert!(message.contains(says), "{says}: {message}");
    }
    assert_eq!(gateway.emulator.request_count("upload_ticket"), 0);
}
