//! Which count of a month.

use serde::{Deserialize, Serialize};

use crate::base::id::AuditId;

/// Tells one count from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountId(pub u64);

impl CountId {
    /// Of the `n`th count of one change. The first half of an entry's id tells the time, the rest
    /// is random.
    pub fn of(entry: &AuditId, n: u32) -> Self {
        // 60 bits: no store's number is too small for it.
        let random = entry
            .as_str()
            .get(17..)
            .and_then(|rest| u64::from_str_radix(rest, 16).ok());
        Self(random.unwrap_or_default() + u64::from(n))
    }
}
