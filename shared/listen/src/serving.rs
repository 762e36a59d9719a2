//! A connection's task: its requests one after another, and nothing but a socket between them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::answer::{Answer, Broken};
use crate::body::{RequestBody, ResponseBody};
use crate::client_io::ClientIo;
use crate::connection::{Connection, InHand};
use crate::listening::Phase;
use crate::malformed;
use crate::stream::Stream;

/// The limit for each of hyper's buffers.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// Serves until either side ends the connection.
pub(crate) async fn serve<A: Answer>(
    (stream, tls): (TcpStream, Option<TlsAcceptor>),
    connection: Arc<Connection>,
    answer: Arc<A>,
    mut phase: watch::Receiver<Phase>,
) {
    let stream = match Stream::accepted(stream, tls).await {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%error, "a connection ended before its handshake was done");
            return;
        }
    };
    let mut silent = Silent {
        stream,
        read_ahead: Bytes::new(),
    };
    // Until its first byte a connection is only this task: hyper's buffers take 16 KiB. It is only
    // that again when it has been silent for a while.
    while silent.speaks().await {
        match Box::pin(requests(silent, &connection, &*answer, &mut phase)).await {
            Some(rests) => silent = rests,
            None => return,
        }
    }
}

/// A connection between two requests, without buffers.
struct Silent {
    stream: Stream,
    /// The beginning of the next request, if it came with the last one.
    read_ahead: Bytes,
}

impl Silent {
    /// Returns when there is something to read, be it the end; false if the connection broke.
    async fn speaks(&mut self) -> bool {
        !self.read_ahead.is_empty() || self.stream.speaks().await
    }
}

/// Answers requests until the connection ends, which is `None`, or may rest.
async fn requests<A: Answer>(
    silent: Silent,
    connection: &Arc<Connection>,
    answer: &A,
    phase: &mut watch::Receiver<Phase>,
) -> Option<Silent> {
    let bounds = &connection.registry.bounds;
    let mut serving = http1::Builder::new()
        .max_header_size(bounds.head_bytes_max)
        .max_buf_size(BUFFER_BYTES_MAX.max(bounds.head_bytes_max))
        // The registry watches head time-outs, with one timer for all connections.
        .header_read_timeout(None)
        .serve_connection(
            ClientIo::new(silent.stream, silent.read_ahead, connection.clone(), bounds),
            service_fn(|request| answered(connection, answer, request)),
        );
    let mut awaited = Phase::Stopping;
    let ended = loop {
        tokio::select! {
            ended = &mut serving => break ended,
            () = connection.rests(), if awaited == Phase::Stopping => {
                Pin::new(&mut serving).graceful_shutdown();
                // hyper lets go at once of a connection that waits for a request.
                let let_go = std::future::poll_fn(|cx| serving.poll_without_shutdown(cx));
                match futures::poll!(let_go) {
                    Poll::Ready(Ok(())) if !connection.left_unread() => {
                        let parts = serving.into_parts();
                        let (stream, read_ahead) = (parts.io.into_stream(), parts.read_buf);
                        return Some(Silent { stream, read_ahead });
                    }
                    Poll::Ready(ended) => break ended,
                    // It was not at its end with the last request, and closes behind it.
                    Poll::Pending => awaited = Phase::Cut,
                }
            }
            () = until(phase, awaited) => {
                if awaited == Phase::Cut {
                    return None;
                }
                Pin::new(&mut serving).graceful_shutdown();
                awaited = Phase::Cut;
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
    None
}

type Answered<B> = Result<Response<ResponseBody<B>>, Broken>;

/// Boxed, so that a connection waiting for a request does not reserve space for it.
fn answered<'a, A: Answer>(
    connection: &'a Arc<Connection>,
    answer: &'a A,
    request: Request<Incoming>,
) -> Pin<Box<impl Future<Output = Answered<A::Body>> + use<'a, A>>> {
    let begun = InHand::begin(connection).map(|in_hand| {
        let refusal = malformed::refusal(&request);
        let request = request.map(|incoming| RequestBody::new(incoming, connection.clone()));
        let answered = match refusal {
            Some(refusal) => Err(refusal),
            None => Ok(answer.answer(request)),
        };
        (in_hand, answered)
    });
    Box::pin(async move {
        match begun {
            Some((in_hand, Ok(answered))) => match answered.await {
                Ok(response) => Ok(response.map(|body| ResponseBody::answer(body, in_hand))),
                Err(error) => Err(Broken(error)),
            },
            Some((in_hand, Err(refusal))) => {
                Ok(refusal.map(|text| ResponseBody::refusal(text, in_hand)))
            }
            None => Err(Broken(
                "the connection was dropped just as its request arrived".into(),
            )),
        }
    })
}

/// Returns when the listener has reached this phase, or is gone.
pub(crate) async fn until(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // An error means that the listener was dropped.
    drop(phase.wait_for(|phase| *phase >= wanted).await);
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures::stream::AbortHandle;
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::bounds::ConnectionBounds;
    use crate::peer::Peer;
    use crate::registry::{Admitted, Registry};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        (client.unwrap(), listener.accept().await.unwrap().0)
    }

    fn admitted() -> Admitted {
        let registry = Arc::new(Registry::new(ConnectionBounds::default()));
        let peer = Peer::of([192, 0, 2, 1].into());
        registry.admit(peer, AbortHandle::new_pair().0).unwrap()
    }

    async fn ok(_: Request<RequestBody>) -> Result<Response<Empty<Bytes>>, Infallible> {
        Ok(Response::new(Empty::new()))
    }

    async fn read_answer(client: &mut TcpStream) {
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(client.read_u8().await.unwrap());
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    }

    /// Serves what the client sends, until the connection rests.
    async fn served(silent: Silent, admitted: &Admitted, client: &mut TcpStream) -> Silent {
        let (_phase, mut phase) = watch::channel(Phase::Serving);
        let requests = requests(silent, &admitted.0, &ok, &mut phase);
        let resting = async {
            read_answer(client).await;
            loop {
                admitted.0.let_rest();
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            silent = requests => silent.expect("it rests"),
            () = resting => unreachable!("it asks for ever"),
        }
    }

    #[tokio::test]
    async fn a_connection_rests_between_two_requests_and_loses_nothing_of_the_next() {
        let (mut client, stream) = pair().await;
        let admitted = admitted();
        let read_ahead = Bytes::new();
        let first = b"GET / HTTP/1.1\r\nhost: x\r\n\r\nGET /second HT";
        client.write_all(first).await.unwrap();

        let stream = Stream::Bare(stream);
        let silent = Silent { stream, read_ahead };
        let rested = served(silent, &admitted, &mut client).await;
        let read_ahead = rested.read_ahead.clone();
        client
            .write_all(b"TP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let rested = served(rested, &admitted, &mut client).await;

        assert_eq!(&read_ahead[..], b"GET /second HT");
        assert!(rested.read_ahead.is_empty());
    }
}
