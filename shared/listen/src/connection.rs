//! One connection, from its first byte to its end.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::stream::AbortHandle;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::answer::{Answer, Broken};
use crate::body::{RequestBody, ResponseBody};
use crate::client_io::ClientIo;
use crate::listening::Phase;
use crate::malformed;
use crate::peer::Peer;
use crate::registry::Registry;

/// The limit for each of hyper's buffers.
const BUFFER_BYTES_MAX: usize = 64 * 1024;

/// What the registry knows about a connection. Everything except `head_since_ms` and `answered`
/// changes under the registry's lock.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) registry: Arc<Registry>,
    pub(crate) peer: Peer,
    pub(crate) cut: AbortHandle,
    /// Its place among the connections that wait for a request; 0 while a request is in progress.
    pub(crate) ticket: AtomicU64,
    pub(crate) waiting_since_ms: AtomicU64,
    /// 0 before the first byte of a head.
    pub(crate) head_since_ms: AtomicU64,
    pub(crate) counted: AtomicBool,
    /// The whole response has been handed to hyper.
    answered: AtomicBool,
    /// A request was answered before its body was read completely.
    unread: AtomicBool,
}

impl Connection {
    /// A connection that waits for its first request.
    pub(crate) fn new(registry: Arc<Registry>, peer: Peer, cut: AbortHandle) -> Self {
        Self {
            registry,
            peer,
            cut,
            ticket: AtomicU64::new(0),
            waiting_since_ms: AtomicU64::new(0),
            head_since_ms: AtomicU64::new(0),
            counted: AtomicBool::new(false),
            answered: AtomicBool::new(false),
            unread: AtomicBool::new(false),
        }
    }

    /// Bytes came.
    pub(crate) fn received(&self) {
        let is_first = self.ticket.load(Ordering::Relaxed) != 0
            && self.head_since_ms.load(Ordering::Relaxed) == 0;
        if is_first {
            self.head_since_ms
                .store(self.registry.now_ms(), Ordering::Relaxed);
        }
    }

    /// The rest of this request's body will not be read.
    pub(crate) fn leaves_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(crate) fn left_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// As far as we can know, the client has everything that hyper was given.
    pub(crate) fn flushed(self: &Arc<Self>) {
        if self.answered.swap(false, Ordering::Relaxed) {
            self.registry.waits(self);
        }
    }
}

/// Held by a request from its head to the last byte of its response body.
#[derive(Debug)]
pub(crate) struct InHand(Arc<Connection>);

impl InHand {
    /// `None`: the connection has just been dropped.
    fn begin(connection: &Arc<Connection>) -> Option<Self> {
        connection.unread.store(false, Ordering::Relaxed);
        connection
            .registry
            .begins(connection)
            .then(|| Self(connection.clone()))
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.0.answered.store(true, Ordering::Relaxed);
    }
}

/// Serves until either side ends the connection.
pub(crate) async fn serve<A: Answer>(
    stream: TcpStream,
    connection: Arc<Connection>,
    answer: Arc<A>,
    phase: watch::Receiver<Phase>,
) {
    // Without it only latency suffers.
    let _ = stream.set_nodelay(true);
    // Until its first byte a connection is only this task: hyper's buffers take 16 KiB.
    if stream.peek(&mut [0]).await.is_ok() {
        Box::pin(requests(stream, connection, answer, phase)).await;
    }
}

async fn requests<A: Answer>(
    stream: TcpStream,
    connection: Arc<Connection>,
    answer: Arc<A>,
    mut phase: watch::Receiver<Phase>,
) {
    let bounds = connection.registry.bounds.clone();
    let io = ClientIo::new(stream, connection.clone(), &bounds);
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let begun = InHand::begin(&connection).map(|in_hand| {
            let refusal = malformed::refusal(&request);
            let request = request.map(|incoming| RequestBody::new(incoming, connection.clone()));
            let answered = match refusal {
                Some(refusal) => Err(refusal),
                None => Ok(answer.answer(request)),
            };
            (in_hand, answered)
        });
        // Boxed, so that a connection waiting for a request does not reserve space for it.
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
    });
    let mut serving = pin!(
        http1::Builder::new()
            .max_header_size(bounds.head_bytes_max)
            .max_buf_size(BUFFER_BYTES_MAX.max(bounds.head_bytes_max))
            // The registry watches head time-outs, with one timer for all connections.
            .header_read_timeout(None)
            .serve_connection(io, service)
    );
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = until(&mut phase, Phase::Stopping) => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                ended = serving => ended,
                () = until(&mut phase, Phase::Cut) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Returns when the listener has reached this phase, or is gone.
pub(crate) async fn until(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // An error means that the listener was dropped.
    drop(phase.wait_for(|phase| *phase >= wanted).await);
}
