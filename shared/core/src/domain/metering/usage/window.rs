//! A time window.

use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

/// A start and an end, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub until: Timestamp,
}

impl Window {
    /// Fails with kind `Invalid` if it ends before it starts, or is longer than this many days.
    pub fn of_days_at_most(days_max: u32, from: Timestamp, until: Timestamp) -> Result<Self> {
        if until < from {
            return Err(Error::invalid(
                "invalid_window",
                "the window ends before it starts",
            ));
        }
        if until.since_ms(from) > u64::from(days_max) * 86_400_000 {
            let text = format!("the window is longer than {days_max} days; request a shorter one");
            return Err(Error::invalid("window_too_long", text));
        }
        Ok(Self { from, until })
    }

    pub fn holds(&self, moment: Timestamp) -> bool {
        (self.from..=self.until).contains(&moment)
    }
}
