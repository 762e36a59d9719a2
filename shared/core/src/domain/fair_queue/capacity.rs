//! What the provider's account bears: submits a minute, and runs at once.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// The provider's limits; what is `None` is not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub per_minute: Option<u32>,
    pub concurrency: Option<u32>,
}

impl Capacity {
    /// `None` when nothing is limited, so that there is no line at all.
    pub fn limited(per_minute: Option<u32>, concurrency: Option<u32>) -> Option<Self> {
        (per_minute.is_some() || concurrency.is_some()).then_some(Self {
            per_minute,
            concurrency,
        })
    }

    /// Submits that may leave at once after a rest: as many as the rate allows in a second, and one
    /// at least.
    pub fn burst(&self) -> u64 {
        u64::from(self.per_minute.unwrap_or(0)).div_ceil(60).max(1)
    }
}

/// What the rate allows at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credit {
    pub(super) parts: u64,
    pub(super) at: Timestamp,
}
