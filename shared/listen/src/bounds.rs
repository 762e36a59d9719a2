//! The bounds of one listener.

use std::time::Duration;

/// How many connections, and how long a client may stall one. The defaults suit a listener that is
/// alone in its process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// Concurrent connections. One more replaces the connection that has been waiting longest for a
    /// request; if every connection has a request in progress, it is refused.
    pub open_max: usize,
    /// The same, per address. For IPv6 a /64 network counts as one address, because its owner has
    /// all of it.
    pub open_per_address_max: usize,
    /// A request line and its headers; a larger head gets 431.
    pub head_bytes_max: usize,
    /// For a complete head: from the start of the connection, and for later requests from their
    /// first byte.
    pub head_timeout_ms: u64,
    /// Between a response and the first byte of the next request.
    pub idle_timeout_ms: u64,
    /// How long a client may stall a body, its own or ours. Bytes restore the allowance at
    /// `bytes_per_second_min`.
    pub stall_timeout_ms: u64,
    pub bytes_per_second_min: u64,
    /// For a whole request body.
    pub body_timeout_ms: u64,
}

impl Default for ConnectionBounds {
    fn default() -> Self {
        Self {
            open_max: 1_024,
            open_per_address_max: 512,
            head_bytes_max: 32 * 1024,
            head_timeout_ms: 20_000,
            // Longer than the 60 s of AWS's and other load balancers, which would otherwise reuse
            // connections that were just closed.
            idle_timeout_ms: 75_000,
            stall_timeout_ms: 30_000,
            bytes_per_second_min: 1_024,
            body_timeout_ms: 900_000,
        }
    }
}

impl ConnectionBounds {
    pub(crate) fn head_timeout(&self) -> Duration {
        Duration::from_millis(self.head_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(crate) fn stall_timeout(&self) -> Duration {
        Duration::from_millis(self.stall_timeout_ms)
    }

    pub(crate) fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }
}
