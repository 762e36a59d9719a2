//! The time.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::time::Timestamp;

/// The current time. Tests use a clock of their own.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The machine's clock. The one exception to "no clock in the core": otherwise every program would
/// repeat these three lines.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
