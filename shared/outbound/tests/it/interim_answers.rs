//! Servers that send interim answers (1xx): some, and without end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use fluxgate_core::port::{
    CallbackSender as _, FetchFailureSort, KeySetFetcher as _, Purpose, SendOutcome,
};
use fluxgate_core::webhook::ErrorClass;
use fluxgate_outbound::{HttpKeySetFetcher, KeySetBounds};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use url::Url;

use crate::callbacks::{answered, outgoing, sender};
use crate::output_fetch::{MIB, failure};
use crate::servers::{
    Manners, http_answer, listen, loopback_guard, read_request, serve_bytes, tenant,
};

const INTERIM: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
/// Most of it lies in the buffers of the sockets. Without a bound it is gigabytes.
const FLOOD_BYTES_MAX: usize = 48 * 1024 * 1024;
/// A fraction of every time-out here.
const AT_ONCE: Duration = Duration::from_secs(3);

/// A server that answers so many requests of a connection, and floods the next; counts the bytes
/// that it got rid of.
async fn serve_floods(answers: usize) -> (Url, Arc<AtomicUsize>) {
    let (listener, url) = listen().await;
    let bytes = Arc::new(AtomicUsize::default());
    let counted = Arc::clone(&bytes);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(flood(stream, answers, Arc::clone(&counted)));
        }
    });
    (url, bytes)
}

async fn flood(mut stream: TcpStream, answers: usize, bytes: Arc<AtomicUsize>) {
    for _ in 0..answers {
        if !read_request(&mut stream).await {
            return;
        }
        let answer = http_answer("204 No Content", "", "");
        stream.write_all(&answer).await.unwrap();
    }
    if !read_request(&mut stream).await {
        return;
    }
    let interim = INTERIM.repeat(1_000);
    while let Ok(sent) = stream.write(&interim).await {
        bytes.fetch_add(sent, Ordering::SeqCst);
    }
}

fn bounded(bytes: &AtomicUsize) {
    let bytes = bytes.load(Ordering::SeqCst);
    assert!(bytes < FLOOD_BYTES_MAX, "{bytes}");
}

#[tokio::test]
async fn a_receiver_that_floods_fails_at_once_on_a_new_connection_and_on_a_kept_one() {
    for answers in [0, 1] {
        let (url, bytes) = serve_floods(answers).await;
        let sender = sender();
        for _ in 0..answers {
            assert_eq!(sender.send(outgoing(&url)).await, answered(204));
        }

        let begun = Instant::now();
        let outcome = sender.send(outgoing(&url)).await;

        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
        let reason = "the receiver sends interim answers (1xx) without end, and no final one";
        assert_eq!(
            outcome,
            SendOutcome::Failed {
                class: ErrorClass::Protocol,
                reason: reason.to_owned()
            }
        );
        bounded(&bytes);
    }
}

#[tokio::test]
async fn a_server_of_outputs_or_keys_that_floods_fails_at_once() {
    let (url, bytes) = serve_floods(0).await;
    let begun = Instant::now();

    let output = failure(url.as_str(), MIB).await;

    let bounds = KeySetBounds::default();
    let fetcher = HttpKeySetFetcher::new(loopback_guard().client(Purpose::KeySet), bounds);
    let keys = fetcher.get_json(&tenant(), &url).await.unwrap_err();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert_eq!(output.0, FetchFailureSort::Unavailable);
    assert!(keys.message.contains("interim answers"), "{}", keys.message);
    bounded(&bytes);
}

#[tokio::test]
async fn a_few_interim_answers_are_read_over() {
    let mut answer = INTERIM.repeat(32);
    answer.extend(http_answer("204 No Content", "", ""));
    let (url, _) = serve_bytes(Manners::Say(answer)).await;

    assert_eq!(sender().send(outgoing(&url)).await, answered(204));
}
