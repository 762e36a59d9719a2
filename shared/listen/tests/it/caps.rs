//! More connections than there may be.

use fluxgate_listen::ConnectionBounds;

use crate::client::Client;
use crate::server::{Server, quick};

/// Bounds in which nothing but the caps ends a connection.
fn capped(open_max: usize, open_per_address_max: usize) -> ConnectionBounds {
    const MINUTES_MS: u64 = 600_000;
    ConnectionBounds {
        open_max,
        open_per_address_max,
        head_timeout_ms: MINUTES_MS,
        idle_timeout_ms: MINUTES_MS,
        stall_timeout_ms: MINUTES_MS,
        ..quick()
    }
}

async fn held(server: &mut Server, from: u8) -> Client {
    let mut client = Client::connect_from(from, server.addr()).await;
    client.send("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(server.event().await, "held");
    client
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_the_oldest_idle_one_and_never_of_a_held_request() {
    let mut server = Server::start(capped(3, 3));
    let mut held = held(&mut server, 1).await;
    let mut oldest = Client::connect(server.addr()).await;
    assert!(oldest.get("/").await.starts_with("HTTP/1.1 200"));
    let mut younger = Client::connect(server.addr()).await;
    assert!(younger.get("/").await.starts_with("HTTP/1.1 200"));

    let mut new = Client::connect(server.addr()).await;

    assert!(new.get("/").await.starts_with("HTTP/1.1 200"));
    assert_eq!(oldest.rest().await, "");
    assert!(younger.get("/").await.starts_with("HTTP/1.1 200"));
    server.release_one();
    assert!(held.answer().await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn hundreds_of_silent_connections_keep_nobody_out() {
    let server = Server::start(capped(50, 25));
    let mut silent = Vec::new();
    for _ in 0..300 {
        for from in 1..=3 {
            silent.push(Client::connect_from(from, server.addr()).await);
        }
    }

    for from in 1..=4 {
        let mut client = Client::connect_from(from, server.addr()).await;
        assert!(
            client.get("/").await.starts_with("HTTP/1.1 200"),
            "from {from}"
        );
    }
}

#[tokio::test]
async fn where_every_place_is_taken_by_a_request_a_new_connection_is_503_until_one_is_answered() {
    let mut server = Server::start(capped(2, 2));
    let (mut first, _second) = (held(&mut server, 1).await, held(&mut server, 2).await);

    let refused = Client::connect(server.addr()).await.rest().await;
    server.release_one();
    assert!(first.answer().await.starts_with("HTTP/1.1 200"));
    let mut new = Client::connect(server.addr()).await;

    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 503"),
        "{refused}"
    );
    assert!(new.get("/").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let mut server = Server::start(capped(4, 2));
    let _held = (held(&mut server, 2).await, held(&mut server, 2).await);

    let refused = Client::connect_from(2, server.addr()).await.rest().await;
    let mut other = Client::connect_from(3, server.addr()).await;

    assert!(
        refused.is_empty() || refused.starts_with("HTTP/1.1 503"),
        "{refused}"
    );
    assert!(other.get("/").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_request_may_be_held_and_an_answer_may_pause_for_longer_than_any_client_may() {
    let bounds = ConnectionBounds {
        head_timeout_ms: 50,
        idle_timeout_ms: 50,
        stall_timeout_ms: 50,
        ..quick()
    };
    let mut server = Server::start(bounds);
    let mut held = held(&mut server, 1).await;
    // Silent connections that come and go meanwhile show that time has passed.
    for _ in 0..3 {
        assert_eq!(Client::connect(server.addr()).await.rest().await, "");
    }

    server.release_one();

    assert!(held.answer().await.starts_with("HTTP/1.1 200"));
}
