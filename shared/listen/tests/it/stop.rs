//! The end of a listener.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::Client;
use crate::server::{Server, quick};

const LONG: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_request_in_hand_is_answered_and_whoever_has_none_is_closed() {
    let mut server = Server::start(quick());
    let addr = server.addr();
    let mut held = Client::connect(addr).await;
    held.send("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(server.event().await, "held");
    let mut idle = Client::connect(addr).await;
    assert!(idle.get("/").await.starts_with("HTTP/1.1 200"));
    let mut half = Client::connect(addr).await;
    half.send("GET / HTTP/1.1\r\n").await;

    let (release, listening) = (server.release.clone(), server.listening);
    let stopping = tokio::spawn(listening.stop(Instant::now() + LONG));
    assert_eq!(idle.rest().await, "");
    assert_eq!(half.rest().await, "");
    assert!(TcpStream::connect(addr).await.is_err());
    release.notify_one();

    assert!(held.rest().await.starts_with("HTTP/1.1 200"));
    assert!(stopping.await.unwrap());
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    let mut server = Server::start(quick());
    let mut held = Client::connect(server.addr()).await;
    held.send("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(server.event().await, "held");

    let ended = server
        .listening
        .stop(Instant::now() + Duration::from_millis(50))
        .await;

    assert!(!ended);
    assert_eq!(held.rest().await, "");
}

#[tokio::test]
async fn dropping_it_cuts_everything() {
    let mut server = Server::start(quick());
    let mut held = Client::connect(server.addr()).await;
    held.send("GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!(server.event().await, "held");

    drop(server.listening);

    assert_eq!(held.rest().await, "");
}
