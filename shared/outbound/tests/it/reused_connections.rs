//! Callbacks over connections that were kept open, and that the receiver has closed meanwhile.

use std::time::Duration;

use fluxgate_core::port::{CallbackSender, SendOutcome};
use fluxgate_core::webhook::ErrorClass;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use url::Url;

use crate::callbacks::{answered, outgoing, sender};
use crate::servers::{Count, http_answer, listen, read_request};

/// What becomes of a connection that has answered one request, once it has read another.
#[derive(Clone, Copy)]
enum Second {
    /// It is closed at once.
    Closed,
    /// It is closed after this.
    ClosedAfter(Duration),
}

/// A receiver that answers one request a connection, and says that it would take more. Counts
/// requests and connections.
async fn serve_one_each(second: Second) -> (Url, Count, Count) {
    let (listener, url) = listen().await;
    let (requests, connections) = (Count::default(), Count::default());
    let counters = (requests.clone(), connections.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            counters.1.one_more();
            tokio::spawn(one_each(stream, second, counters.0.clone()));
        }
    });
    (url, requests, connections)
}

async fn one_each(mut stream: TcpStream, second: Second, requests: Count) {
    if !read_request(&mut stream).await {
        return;
    }
    requests.one_more();
    let answer = http_answer("204 No Content", "", "");
    stream.write_all(&answer).await.unwrap();
    if !read_request(&mut stream).await {
        return;
    }
    requests.one_more();
    if let Second::ClosedAfter(pause) = second {
        tokio::time::sleep(pause).await;
    }
}

#[tokio::test]
async fn a_callback_whose_kept_connection_broke_at_once_is_sent_again_in_the_same_attempt() {
    let (url, requests, connections) = serve_one_each(Second::Closed).await;
    let sender = sender();

    for n in 0..4 {
        assert_eq!(sender.send(outgoing(&url)).await, answered(204), "{n}");
    }

    // Each but the first went out on the connection of the one before, and then on a new one.
    assert_eq!((requests.get(), connections.get()), (7, 4));
}

#[tokio::test]
async fn a_callback_is_not_sent_again_when_a_connection_breaks_late_or_was_new() {
    let (late, requests, _) =
        serve_one_each(Second::ClosedAfter(Duration::from_millis(1_200))).await;
    let sender = sender();
    let broken = |outcome| {
        let SendOutcome::Failed { class, .. } = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(class, ErrorClass::Protocol);
    };

    assert_eq!(sender.send(outgoing(&late)).await, answered(204));
    broken(sender.send(outgoing(&late)).await);
    assert_eq!(requests.get(), 2);

    let (new, requests) =
        crate::servers::serve_bytes(crate::servers::Manners::Say(Vec::new())).await;
    broken(sender.send(outgoing(&new)).await);
    assert_eq!(requests.get(), 1);
}
