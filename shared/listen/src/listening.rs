//! A running listener: accepts connections, enforces their time-outs, and stops.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{AbortHandle, Abortable};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_util::task::TaskTracker;

use crate::answer::Answer;
use crate::bounds::ConnectionBounds;
use crate::peer::Peer;
use crate::registry::{Registry, TurnedAway};
use crate::serving::{serve, until};

/// Connections that the kernel may queue until we accept them; the system's own limit may be lower.
const BACKLOG: u32 = 4_096;
/// Pause after a failed accept, which usually means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Interval between two log lines about refused connections.
const TELL_EVERY: Duration = Duration::from_secs(10);

const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// The phases of a listener, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    /// Requests in progress are finished; nothing new is accepted.
    Stopping,
    Cut,
}

/// Binds a TCP listener.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // A restart need not wait for connections of the previous process.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

/// A running listener. Dropping it closes every connection.
#[derive(Debug)]
pub struct Listening {
    addr: SocketAddr,
    phase: watch::Sender<Phase>,
    accepting: JoinHandle<()>,
    connections: TaskTracker,
    registry: Arc<Registry>,
}

impl Listening {
    /// Serves on the current tokio runtime.
    pub fn start<A: Answer>(
        listener: TcpListener,
        bounds: ConnectionBounds,
        answer: A,
    ) -> io::Result<Self> {
        Self::start_with(listener, bounds, None, answer)
    }

    /// The same, with TLS where there is a configuration.
    pub fn start_with<A: Answer>(
        listener: TcpListener,
        bounds: ConnectionBounds,
        tls: Option<Arc<ServerConfig>>,
        answer: A,
    ) -> io::Result<Self> {
        let addr = listener.local_addr()?;
        let registry = Arc::new(Registry::new(bounds));
        let (phase, _) = watch::channel(Phase::Serving);
        let connections = TaskTracker::new();
        let accepting = Accepting {
            addr,
            registry: registry.clone(),
            connections: connections.clone(),
            answer: Arc::new(answer),
            tls: tls.map(TlsAcceptor::from),
            phase: phase.subscribe(),
        };
        let accepting = tokio::spawn(accepting.run(listener));
        Ok(Self {
            addr,
            phase,
            accepting,
            connections,
            registry,
        })
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops accepting, closes connections without a request in progress, and waits for the others.
    /// Returns false if some had to be closed at the deadline.
    pub async fn stop(mut self, deadline: Instant) -> bool {
        self.phase.send_replace(Phase::Stopping);
        // It ends at once; a panic in it has already been reported.
        let _ = (&mut self.accepting).await;
        self.registry.cut_waiting();
        self.connections.close();
        tokio::time::timeout_at(deadline, self.connections.wait())
            .await
            .is_ok()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Cut);
        self.registry.cut_waiting();
    }
}

struct Accepting<A> {
    addr: SocketAddr,
    registry: Arc<Registry>,
    connections: TaskTracker,
    answer: Arc<A>,
    tls: Option<TlsAcceptor>,
    phase: watch::Receiver<Phase>,
}

impl<A: Answer> Accepting<A> {
    async fn run(self, listener: TcpListener) {
        let mut phase = self.phase.clone();
        let mut check = tokio::time::interval(self.registry.check_every());
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut told = Instant::now();
        loop {
            tokio::select! {
                () = until(&mut phase, Phase::Stopping) => return,
                accepted = listener.accept() => match accepted {
                    Ok((stream, from)) => self.accepted(stream, from),
                    Err(error) => self.not_accepted(&error).await,
                },
                now = check.tick() => {
                    let now_ms = self.registry.now_ms();
                    self.registry.cut_late(now_ms);
                    self.registry.let_silent_rest(now_ms);
                    if now.duration_since(told) >= TELL_EVERY {
                        told = now;
                        self.tell(self.registry.take_turned_away());
                    }
                }
            }
        }
    }

    fn accepted(&self, stream: TcpStream, from: SocketAddr) {
        let (cut, registration) = AbortHandle::new_pair();
        let Some(admitted) = self.registry.admit(Peer::of(from.ip()), cut) else {
            return refuse(stream);
        };
        let (answer, phase) = (self.answer.clone(), self.phase.clone());
        let socket = (stream, self.tls.clone());
        let serving = async move { serve(socket, admitted.0.clone(), answer, phase).await };
        self.connections
            .spawn(Abortable::new(serving, registration));
    }

    async fn not_accepted(&self, error: &io::Error) {
        tracing::warn!(%error, listen = %self.addr, "cannot accept a connection; will retry");
        self.registry.shed_oldest();
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }

    fn tell(&self, turned_away: TurnedAway) {
        if turned_away != TurnedAway::default() {
            tracing::warn!(
                listen = %self.addr,
                connections.shed = turned_away.shed,
                connections.refused = turned_away.refused,
                connections.open_max = self.registry.bounds.open_max,
                connections.open_per_address_max = self.registry.bounds.open_per_address_max,
                "too many connections: idle ones were closed to make room, or new ones were refused",
            );
        }
    }
}

/// Sends a 503, if the socket accepts it at once, and closes.
fn refuse(stream: TcpStream) {
    // tokio's socket does not write until it has been polled as writable.
    if let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(REFUSAL);
    }
}
