//! The end of a new key.

use crate::base::time::Timestamp;

/// When a new key is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyEnd {
    /// After [`KeyEnd::UNSAID_MS`], or with its maker if that is sooner.
    Unsaid,
    Never,
    At(Timestamp),
}

impl KeyEnd {
    /// 90 days.
    pub const UNSAID_MS: u64 = 90 * 24 * 60 * 60 * 1_000;
}
