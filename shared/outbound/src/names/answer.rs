//! What came of a look-up.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// Of a name, at least one address or the reason why there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    Found(Arc<[IpAddr]>),
    /// There is no such name, or it has no address.
    NoSuchName,
    /// Nobody said anything in time, or nothing that can be used.
    #[default]
    Unanswered,
}

/// An answer with how long it may be kept, as its servers say.
#[derive(Debug, Clone, Default)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) ttl: Duration,
}
