//! Uploads that do not come as announced: nothing of them is stored, and nothing stays reserved.

use std::num::NonZeroU64;

use fluxgate_local::connections::ConnectionSettings;
use fluxgate_local::settings::BoundsSettings;
use fluxgate_tests::gateway::quick;
use fluxgate_tests::raw_client::RawClient;
use fluxgate_tests::{Gateway, GatewayOptions, TestTenant, eventually};
use reqwest::multipart::{Form, Part};

use super::{form_head, upload};

const MIB: usize = 1024 * 1024;
const PART: &str =
    "--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n";

/// Room for one upload of a tenant.
async fn narrow(connections: ConnectionSettings) -> (Gateway, TestTenant) {
    let bounds = BoundsSettings {
        body_bytes_max: Some(MIB),
        tenant_in_flight_bytes_max: Some(MIB),
        ..quick()
    };
    let gateway = Gateway::with(GatewayOptions {
        bounds,
        connections,
        ..GatewayOptions::default()
    })
    .await;
    let tenant = gateway.tenant("acme", "1").await;
    (gateway, tenant)
}

async fn small(tenant: &TestTenant) -> u16 {
    let part = Part::bytes(vec![7; 1_000]).file_name("a.bin");
    let answer = upload(tenant, Form::new().part("file", part)).await;
    answer.status.as_u16()
}

/// An upload that announces a megabyte and has sent half of it, which is on its way.
async fn half(gateway: &Gateway, tenant: &TestTenant) -> RawClient {
    let mut client = RawClient::connect(&gateway.server.base_url()).await;
    let head = form_head(tenant, &format!("content-length: {MIB}"));
    client.send(&head).await;
    client.send(PART).await;
    client.send(&"x".repeat(MIB / 2)).await;
    eventually("the upload is under way", || async {
        let begun = gateway.emulator.request_count("upload_binary") > 0;
        begun.then_some(())
    })
    .await;
    client
}

#[tokio::test]
async fn an_upload_that_stops_half_way_leaves_nothing_stored_or_reserved() {
    let (gateway, tenant) = narrow(ConnectionSettings::default()).await;
    let client = half(&gateway, &tenant).await;
    assert_eq!(small(&tenant).await, 429, "the room is taken");

    drop(client);

    eventually("there is room again", || async {
        (small(&tenant).await == 200).then_some(())
    })
    .await;
    assert_eq!(gateway.emulator.upload_count(), 1, "the small one");
}

#[tokio::test]
async fn an_upload_that_stalls_is_408_and_leaves_nothing() {
    let connections = ConnectionSettings {
        stall_timeout_ms: NonZeroU64::new(300),
        ..ConnectionSettings::default()
    };
    let (gateway, tenant) = narrow(connections).await;

    let answer = half(&gateway, &tenant).await.rest().await;

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("body_too_slow"), "{answer}");
    assert_eq!(gateway.emulator.upload_count(), 0);
    assert_eq!(small(&tenant).await, 200);
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_announced_is_400_and_leaves_nothing() {
    let (gateway, tenant) = narrow(ConnectionSettings::default()).await;
    let form = format!("{PART}{}\r\n--b--\r\n", "x".repeat(5_000));
    let in_the_file = form.len() - 100;
    let in_the_last_boundary = form.len() - 4;

    for announced in [in_the_file, in_the_last_boundary] {
        let mut client = RawClient::connect(&gateway.server.base_url()).await;
        let head = form_head(&tenant, &format!("content-length: {announced}"));
        client.send(&format!("{head}{form}")).await;
        let answer = client.rest().await;

        assert!(answer.starts_with("HTTP/1.1 400"), "{announced}: {answer}");
        assert!(answer.contains("upload_broken"), "{announced}: {answer}");
        assert!(answer.contains("Content-Length"), "{announced}: {answer}");
    }
    eventually("there is room again", || async {
        (small(&tenant).await == 200).then_some(())
    })
    .await;
    assert_eq!(gateway.emulator.upload_count(), 1, "the small one");
}

/// The form says itself where it ends, and what would come behind it is no part of it.
#[tokio::test]
async fn a_form_that_is_whole_is_taken_though_more_was_announced() {
    let (gateway, tenant) = narrow(ConnectionSettings::default()).await;
    let form = format!("{PART}{}\r\n--b--\r\n", "x".repeat(5_000));
    let mut client = RawClient::connect(&gateway.server.base_url()).await;
    let head = form_head(&tenant, &format!("content-length: {}", form.len() + 1_000));

    client.send(&format!("{head}{form}")).await;
    client.finish().await;

    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#""size":5000"#), "{answer}");
}

/// One part with this name, as it stands on the wire.
async fn named(gateway: &Gateway, tenant: &TestTenant, name: &str) -> String {
    let form = format!("{}x\r\n--b--\r\n", PART.replace("a.bin", name));
    let mut client = RawClient::connect(&gateway.server.base_url()).await;
    let head = form_head(tenant, &format!("content-length: {}", form.len()));
    client.send(&format!("{head}{form}")).await;
    client.answer().await
}

#[tokio::test]
async fn a_file_name_loses_its_path_and_what_turns_text_around_and_has_no_controls() {
    let (gateway, tenant) = narrow(ConnectionSettings::default()).await;

    for (sent, stored) in [
        ("../../etc/cat.png", "cat.png"),
        ("C:\\photos\\cat.png", "cat.png"),
        ("ca\u{202e}t\u{2028}.png", "cat.png"),
        ("..", "upload"),
        ("", "upload"),
    ] {
        let answer = named(&gateway, &tenant, sent).await;

        assert!(answer.starts_with("HTTP/1.1 200"), "{sent:?}: {answer}");
        let told = format!(r#""filename":"{stored}""#);
        assert!(answer.contains(&told), "{sent:?}: {answer}");
    }
    for control in ["\0", "\u{1}", "\r\n ", "\u{7f}"] {
        let answer = named(&gateway, &tenant, &format!("ca{control}t.png")).await;

        assert!(answer.starts_with("HTTP/1.1 400"), "{control:?}: {answer}");
        assert!(
            answer.contains("control characters"),
            "{control:?}: {answer}"
        );
    }
}
