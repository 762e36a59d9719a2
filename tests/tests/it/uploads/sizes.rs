//! How large an upload may be.

use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::{Gateway, GatewayOptions};
use reqwest::multipart::{Form, Part};
use serde_json::json;

use super::{PATH, form_head, repeated, repeated_file, told, upload};

const BYTES_MAX: usize = 200 * 1024 * 1024;

async fn narrow(upload_bytes_max: usize) -> Gateway {
    let bounds = BoundsSettings {
        upload_bytes_max: Some(upload_bytes_max),
        ..quick()
    };
    Gateway::with(GatewayOptions {
        bounds,
        ..GatewayOptions::default()
    })
    .await
}

/// Any file type: training archives are uploaded like pictures.
#[tokio::test]
async fn a_file_of_the_provider_s_maximum_passes_by_both_ways() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;

    let by_form = upload(&tenant, repeated_file(BYTES_MAX)).await;
    let request = json!({ "filename": "training.bin", "size": BYTES_MAX });
    let ticket = tenant.post("/api/v3/media/uploads", &request).await;
    let url = ticket.text("/data/upload/url");
    let put = tenant.http().put(url).body(repeated(BYTES_MAX));
    let put = put.header("content-length", BYTES_MAX).send().await;

    assert_eq!(by_form.status, 200, "{:?}", by_form.body);
    assert_eq!(by_form.body["data"]["size"], json!(BYTES_MAX));
    assert!(put.unwrap().status().is_success());
    assert_eq!(gateway.emulator.upload_count(), 2);
    let stored = tenant.http().get(ticket.text("/data/download_url")).send();
    let length = stored.await.unwrap().content_length();
    assert_eq!(length, Some(BYTES_MAX as u64));
}

#[tokio::test]
async fn an_upload_over_the_bound_is_refused_before_its_body_is_read() {
    let gateway = Gateway::start().await;
    let tenant = gateway.tenant("acme", "1").await;
    let announced = format!("content-length: {}", BYTES_MAX + 64 * 1024 + 1);
    let head = form_head(&tenant, &announced);
    let v2 = head.replace(PATH, "/api/v2/media/upload/binary");

    for head in [head, v2] {
        let mut client = RawClient::connect(&gateway.server.base_url()).await;
        client.send(&head).await;

        // Not a byte of the body was sent.
        let answer = client.answer().await;

        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("upload_too_large"), "{answer}");
        assert!(answer.contains("larger than 209715200 bytes"), "{answer}");
    }
    let request = json!({ "filename": "training.bin", "size": BYTES_MAX + 1 });
    let ticket = tenant.post("/api/v3/media/uploads", &request).await;
    let expected = (413, "upload_too_large".to_owned(), "size".to_owned());
    assert_eq!(told(&ticket), expected);
    let says = ticket.text("/message");
    assert!(says.contains("larger than 209715200 bytes"), "{says}");
    let count = |what| gateway.emulator.request_count(what);
    assert_eq!((count("upload_binary"), count("upload_ticket")), (0, 0));
}

#[tokio::test]
async fn a_file_without_an_announced_length_is_cut_at_the_bound() {
    let gateway = narrow(10_000).await;
    let tenant = gateway.tenant("acme", "1").await;
    let file = |bytes| {
        let part = Part::stream(repeated(bytes)).file_name("a.bin");
        Form::new()
            .part("file", part)
            .text("note", "x".repeat(50_000))
    };

    let within = upload(&tenant, file(10_000)).await;
    let over = upload(&tenant, file(10_001)).await;
    let mut endless = RawClient::connect(&gateway.server.base_url()).await;
    let head = form_head(&tenant, "transfer-encoding: chunked");
    let part = "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";
    let chunk = format!("{part}{}", "x".repeat(100_000));
    endless
        .send(&format!("{head}{:x}\r\n{chunk}\r\n", chunk.len()))
        .await;
    let endless = endless.answer().await;

    assert_eq!(within.status, 200, "{:?}", within.body);
    let expected = (413, "upload_too_large".to_owned(), "file".to_owned());
    assert_eq!(told(&over), expected, "{:?}", over.body);
    assert!(endless.starts_with("HTTP/1.1 413"), "{endless}");
    assert!(endless.contains("larger than 10000 bytes"), "{endless}");
    assert_eq!(gateway.emulator.upload_count(), 1, "of the others nothing");
}

#[tokio::test]
async fn an_upload_that_is_no_form_is_400() {
    let gateway = narrow(10_000).await;
    let tenant = gateway.tenant("acme", "1").await;
    let request = tenant.http().post(tenant.url(PATH)).body("x");

    let answer = tenant.send(request).await;

    let expected = (400, "missing_parameter".to_owned(), "file".to_owned());
    assert_eq!(told(&answer), expected, "{:?}", answer.body);
}
