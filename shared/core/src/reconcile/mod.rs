//! Our captures against the vendor's bills: what differs, what nobody owns, and what was earned. Pure; reading is done elsewhere.

mod compare;
mod report;

pub use compare::{Books, Sold, compare};
pub use report::{Finding, FindingCode, Margin, Report, Totals};

use crate::day::Day;
use crate::id::UpstreamId;
use crate::money::MicroUsd;
use crate::time::Timestamp;
use crate::usage::Days;

/// As long as the vendor keeps its list of runs.
const DAYS_DEFAULT: u32 = 7;

/// The days to compare: where they are not named, the last seven.
pub fn last_days(from: Option<Day>, to: Option<Day>, now: Timestamp) -> Days {
    let to = to.unwrap_or_else(|| Day::of(now));
    Days { from: from.unwrap_or_else(|| to.minus(DAYS_DEFAULT - 1)), to }
}

/// What the vendor deducted for one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    /// The vendor's own name of it.
    pub id: String,
    pub run: UpstreamId,
    /// As the vendor names it.
    pub model: String,
    pub price: MicroUsd,
    pub created_at: Timestamp,
}

/// A run in the vendor's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRun {
    pub run: UpstreamId,
    /// As the vendor names it; empty when it does not.
    pub model: String,
}
