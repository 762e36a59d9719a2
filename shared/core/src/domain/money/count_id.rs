//! Identifies one count of a month.

use serde::{Deserialize, Serialize};

use crate::base::id::AuditId;

/// Distinguishes a count from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CountId(pub u64);

impl CountId {
    /// The `n`th count of one change. The first half of an audit entry id is the time, the rest is
    /// random.
    pub fn of(entry: &AuditId, n: u32) -> Self {
        // 60 bits fit the number type of every store.
        let random = entry
            .as_str()
            .get(17..)
            .and_then(|rest| u64::from_str_radix(rest, 16).ok());
        Self(random.unwrap_or_default() + u64::from(n))
    }
}
