//! Selects the days to compare.

use crate::base::day::Day;
use crate::base::time::Timestamp;
use crate::domain::metering::usage::Days;

/// As long as the provider keeps its list of runs.
const DAYS_DEFAULT: u32 = 7;

/// The days to compare; by default the last seven.
pub fn last_days(from: Option<Day>, to: Option<Day>, now: Timestamp) -> Days {
    let to = to.unwrap_or_else(|| Day::of(now));
    Days {
        from: from.unwrap_or_else(|| to.minus(DAYS_DEFAULT - 1)),
        to,
    }
}
