//! What one listener bears.

use std::time::Duration;

/// How many connections, and how long a client may keep one waiting. Defaults suit a listener of
/// its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionBounds {
    /// Connections at once. One more takes the place of the one that has waited longest for a
    /// request; when every one has a request in hand, it is refused.
    pub open_max: usize,
    /// The same from one address. A network of 64 bits counts as one address of IPv6, since whoever
    /// has one has all of it.
    pub open_per_address_max: usize,
    /// A request's first line and its headers; above it the answer is 431.
    pub head_bytes_max: usize,
    /// For a whole head: from the connection's begin, and for later requests from their first byte.
    pub head_timeout_ms: u64,
    /// Between an answer and the next request's first byte.
    pub idle_timeout_ms: u64,
    /// How long a client may let us wait inside a body, its own or ours. Bytes win the time back at
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
            // Above the 60 s of AWS's and other load balancers, which else meet connections that
            // have just been closed.
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
