//! Money in integer micro-USD: an account with its monthly budget, what moves on it, and the append-only ledger.

mod account;
mod budget;
#[cfg(test)]
mod budget_tests;
mod count;
mod ledger;
mod month;
mod price;
mod price_terms;
mod setting;

pub use account::{Account, Hold, HoldTerms};
pub use budget::{Allowance, Budget, Payment, RollOver};
pub use count::{Count, CountId, CountPlan, Tally};
pub use ledger::{EntryKind, LedgerEntry};
pub use month::{Month, Zone};
pub use price::{Price, PriceBook, Unlisted};
pub use price_terms::{PriceBookTerms, PriceTerms, UnlistedTerms, parse_percent};
pub use setting::Setting;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// An amount in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub i64);

impl MicroUsd {
    pub const ZERO: Self = Self(0);

    /// From a vendor's JSON number in USD, rounded to the nearest micro-dollar. `None` when negative, not finite or too large.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let micros = (usd * 1e6).round();
        // 2^53: above it an f64 no longer holds every integer.
        (usd.is_finite() && (0.0..=9_007_199_254_740_992.0).contains(&micros)).then_some(Self(micros as i64))
    }

    /// As a JSON number for the vendor's shapes, where amounts are USD.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Reads a decimal such as `12`, `0.08` or `41.200001` exactly.
    pub fn parse_usd(text: &str) -> Result<Self, Error> {
        let bad = || {
            Error::invalid(
                "invalid_amount",
                format!("'{text}' is not an amount in USD such as 25 or 0.08, with at most 6 decimals"),
            )
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return Err(bad());
        }
        let whole: i64 = whole.parse().map_err(|_| bad())?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| bad())?;
        let micros = whole.checked_mul(1_000_000).and_then(|micros| micros.checked_add(fraction));
        micros.map(Self).ok_or_else(bad)
    }

    /// Exact: `0.08`, `0.012`, `41.20`.
    pub fn decimal(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        format!("{sign}{}", Self::unsigned_decimal(self.0.unsigned_abs()))
    }

    fn unsigned_decimal(micros: u64) -> String {
        let fraction = format!("{:06}", micros % 1_000_000);
        let trimmed = fraction.trim_end_matches('0');
        format!("{}.{trimmed:0<2}", micros / 1_000_000)
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }
}

/// `$0.08`, `$0.012`, `$41.20`: at least two decimals, no trailing zeros beyond them.
impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}${}", Self::unsigned_decimal(self.0.unsigned_abs()))
    }
}

/// What a change of a task does to the tenant's account. `capture + release` is the task's whole hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    pub capture: MicroUsd,
    pub release: MicroUsd,
}

impl Settlement {
    pub fn capture(amount: MicroUsd) -> Self {
        Self { capture: amount, release: MicroUsd::ZERO }
    }

    /// Charges for the outputs that came of those that were asked for, rounded up to the micro-dollar, and never more than the
    /// price; the rest goes back.
    pub fn partial(price: MicroUsd, came: usize, asked: u32) -> Self {
        let (came, asked) = (came as i128, i128::from(asked.max(1)));
        if came >= asked {
            return Self::capture(price);
        }
        let share = (i128::from(price.0) * came + asked - 1).div_euclid(asked);
        // It is at most the price, which fits.
        let capture = MicroUsd(i64::try_from(share).unwrap_or(price.0).clamp(0, price.0));
        Self { capture, release: MicroUsd(price.0 - capture.0) }
    }

    pub fn release(amount: MicroUsd) -> Self {
        Self { capture: MicroUsd::ZERO, release: amount }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_outputs_than_asked_for_are_charged_by_their_share() {
        let partial = |price, came, asked| {
            let Settlement { capture, release } = Settlement::partial(MicroUsd(price), came, asked);
            (capture.0, release.0)
        };

        assert_eq!(partial(40_000, 4, 4), (40_000, 0));
        assert_eq!(partial(40_000, 5, 4), (40_000, 0));
        assert_eq!(partial(40_000, 3, 4), (30_000, 10_000));
        assert_eq!(partial(10, 1, 3), (4, 6));
        assert_eq!(partial(40_000, 0, 4), (0, 40_000));
        assert_eq!(partial(0, 0, 4), (0, 0));
    }

    #[test]
    fn amounts_are_read_and_written_exactly() {
        assert_eq!(MicroUsd::parse_usd("0.08").unwrap(), MicroUsd(80_000));
        assert_eq!(MicroUsd::parse_usd("41.200001").unwrap(), MicroUsd(41_200_001));
        assert_eq!(MicroUsd(80_000).to_string(), "$0.08");
        assert_eq!(MicroUsd(12_000).to_string(), "$0.012");
        assert_eq!(MicroUsd(41_200_000).to_string(), "$41.20");
        for text in ["", "-1", "1e3", "0.0000001", ".5", "1,5", "9223372036855"] {
            assert!(MicroUsd::parse_usd(text).is_err(), "{text:?}");
        }
    }
}
