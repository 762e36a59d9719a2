//! One connection, from its first byte to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures::stream::AbortHandle;
use tokio::sync::Notify;

use crate::peer::Peer;
use crate::registry::Registry;

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
    /// It has waited for a while: it may give its buffers back.
    may_rest: Notify,
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
            may_rest: Notify::new(),
        }
    }

    /// It waits for a request of which nothing has come.
    pub(crate) fn is_silent(&self) -> bool {
        self.ticket.load(Ordering::Relaxed) != 0 && self.head_since_ms.load(Ordering::Relaxed) == 0
    }

    pub(crate) fn let_rest(&self) {
        self.may_rest.notify_one();
    }

    /// Returns when it is silent for so long that it may rest.
    pub(crate) async fn rests(&self) {
        loop {
            self.may_rest.notified().await;
            // What is left of an earlier pause changes nothing.
            if self.is_silent() && !self.left_unread() {
                return;
            }
        }
    }

    /// Bytes came.
    pub(crate) fn received(&self) {
        if self.is_silent() {
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
    pub(crate) fn begin(connection: &Arc<Connection>) -> Option<Self> {
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
