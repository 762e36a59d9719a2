//! The result of a look-up.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// At least one address of a name, or the reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    Found(Arc<[IpAddr]>),
    /// There is no such name, or it has no address.
    NoSuchName,
    /// No server answered in time, or not with anything usable.
    #[default]
    Unanswered,
}

/// An answer and its TTL.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) ttl: Duration,
}
