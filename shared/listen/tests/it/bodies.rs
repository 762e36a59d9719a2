//! Bodies that come too slowly, and answers that nobody reads.

use std::time::{Duration, Instant};

use fluxgate_listen::ConnectionBounds;

use crate::client::Client;
use crate::server::{Server, quick};

const HEAD: &str = "POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 16000000\r\n\r\n";

#[tokio::test]
async fn a_body_that_stops_or_drips_is_given_up_and_the_client_told() {
    let mut server = Server::start(quick());
    let mut stopped = Client::connect(server.addr()).await;
    stopped.send(HEAD).await;
    stopped.send(&"x".repeat(1_000_000)).await;
    assert!(stopped.answer().await.starts_with("HTTP/1.1 408"));
    assert_eq!(server.event().await, "Some(TimedOut)");

    let mut dripping = Client::connect(server.addr()).await;
    dripping.send(HEAD).await;
    dripping.drip("x", Duration::from_millis(50)).await;

    assert_eq!(server.event().await, "Some(TimedOut)");
}

#[tokio::test]
async fn a_body_that_comes_as_fast_as_it_must_has_until_the_whole_body_s_time() {
    let bounds = ConnectionBounds {
        bytes_per_second_min: 100,
        body_timeout_ms: 1_500,
        ..quick()
    };
    let mut server = Server::start(bounds);
    let mut client = Client::connect(server.addr()).await;
    client.send(HEAD).await;
    let started = Instant::now();

    client
        .drip(&"x".repeat(100), Duration::from_millis(50))
        .await;

    assert_eq!(server.event().await, "Some(TimedOut)");
    assert!(
        started.elapsed() >= Duration::from_millis(1_400),
        "given up after {:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn a_body_that_is_there_is_read_and_the_connection_goes_on() {
    let mut server = Server::start(quick());
    let mut client = Client::connect(server.addr()).await;

    client
        .send("POST /body HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
        .await;

    assert!(client.answer().await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.event().await, "read 3 bytes");
    assert!(client.get("/").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_was_read_reaches_a_client_that_sends_all_of_it_first()
{
    let server = Server::start(quick());
    let mut client = Client::connect(server.addr()).await;

    client
        .send("POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n")
        .await;
    client.send(&"x".repeat(8_000_000)).await;

    assert!(client.rest().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_cut() {
    let mut server = Server::start(quick());
    let mut client = Client::connect_from(1, server.addr()).await;

    client
        .send("GET /endless HTTP/1.1\r\nhost: x\r\n\r\n")
        .await;

    assert_eq!(server.event().await, "endless body dropped");
}
