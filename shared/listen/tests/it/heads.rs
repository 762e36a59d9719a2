//! Heads: late, slow, large, and of another protocol.

use std::time::{Duration, Instant};

use fluxgate_listen::ConnectionBounds;

use crate::client::Client;
use crate::server::{Server, quick};

#[tokio::test]
async fn a_connection_that_sends_nothing_is_closed_without_an_answer() {
    let server = Server::start(quick());
    let client = Client::connect(server.addr()).await;

    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_head_that_drips_is_cut_at_its_time_however_often_something_comes() {
    let server = Server::start(quick());
    let mut client = Client::connect(server.addr()).await;
    client.send("GET / HTTP/1.1\r\n").await;
    let started = Instant::now();

    let sent = client
        .drip("x-more: 1\r\n", Duration::from_millis(50))
        .await;

    assert!(
        sent > 2 && started.elapsed() >= Duration::from_millis(400),
        "cut after {sent} and {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn between_requests_a_connection_has_more_time_than_for_a_head_and_not_all_time() {
    let server = Server::start(ConnectionBounds {
        idle_timeout_ms: 2_000,
        ..quick()
    });
    let mut client = Client::connect(server.addr()).await;
    assert!(client.get("/").await.starts_with("HTTP/1.1 200"));
    let idle_since = Instant::now();

    assert_eq!(client.rest().await, "");

    assert!(
        idle_since.elapsed() >= Duration::from_millis(1_500),
        "closed after {:?}",
        idle_since.elapsed()
    );
}

#[tokio::test]
async fn a_later_request_s_head_has_the_same_time_as_the_first_s() {
    let server = Server::start(ConnectionBounds {
        idle_timeout_ms: 600_000,
        ..quick()
    });
    let mut client = Client::connect(server.addr()).await;
    assert!(client.get("/").await.starts_with("HTTP/1.1 200"));

    client.send("GET / HTTP/1.1\r\nhost:").await;

    assert_eq!(client.rest().await, "");
}

#[tokio::test]
async fn a_head_of_32_kib_is_taken_and_a_larger_one_is_431() {
    let server = Server::start(quick());
    let head = |bytes: usize| {
        let start = "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-large: ";
        format!("{start}{}\r\n\r\n", "x".repeat(bytes - start.len() - 4))
    };
    let mut fits = Client::connect(server.addr()).await;
    fits.send(&head(32 * 1024)).await;
    let mut large = Client::connect(server.addr()).await;
    large.send(&head(33 * 1024)).await;

    assert!(fits.rest().await.starts_with("HTTP/1.1 200"));
    assert!(large.rest().await.starts_with("HTTP/1.1 431"));
}

#[tokio::test]
async fn http_2_is_not_spoken_neither_by_its_preface_nor_by_an_upgrade() {
    let server = Server::start(quick());
    let mut preface = Client::connect(server.addr()).await;
    preface
        .send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .await;
    let mut upgrade = Client::connect(server.addr()).await;
    upgrade
        .send("GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade, http2-settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n\r\n")
        .await;

    assert_eq!(preface.rest().await, "");
    assert!(upgrade.rest().await.starts_with("HTTP/1.1 200"));
}
