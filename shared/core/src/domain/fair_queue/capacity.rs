//! The limits of the provider's account: submits per minute and concurrent runs.

use serde::{Deserialize, Serialize};

use crate::base::time::Timestamp;

/// The provider's limits; `None` means not limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    pub per_minute: Option<u32>,
    pub concurrency: Option<u32>,
}

impl Capacity {
    /// `None` if nothing is limited: then there is no fair queue at all.
    pub fn limited(per_minute: Option<u32>, concurrency: Option<u32>) -> Option<Self> {
        (per_minute.is_some() || concurrency.is_some()).then_some(Self {
            per_minute,
            concurrency,
        })
    }

    /// Maximum burst of submits: as many as the rate allows in a second, but at least one.
    pub fn burst(&self) -> u64 {
        u64::from(self.per_minute.unwrap_or(0)).div_ceil(60).max(1)
    }
}

/// The submits allowed by the rate right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Credit {
    pub(super) parts: u64,
    pub(super) at: Timestamp,
}
