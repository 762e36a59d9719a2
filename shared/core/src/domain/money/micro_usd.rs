//! Amounts.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::error::Error;

/// An amount in millionths of a US dollar.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(transparent)]
pub struct MicroUsd(pub i64);

impl MicroUsd {
    pub const ZERO: Self = Self(0);

    /// From a JSON number in USD as sent by the provider, rounded to the nearest micro-dollar.
    /// `None` if negative, not finite or too large.
    pub fn from_usd(usd: f64) -> Option<Self> {
        let micros = (usd * 1e6).round();
        // 2^53: above it an f64 cannot represent every integer.
        (usd.is_finite() && (0.0..=9_007_199_254_740_992.0).contains(&micros))
            .then_some(Self(micros as i64))
    }

    /// As a JSON number in USD, for the provider's formats.
    pub fn usd(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// Parses a decimal such as `12`, `0.08` or `41.200001` exactly.
    pub fn parse_usd(text: &str) -> Result<Self, Error> {
        let bad = || {
            Error::invalid(
                "invalid_amount",
                format!(
                    "'{text}' is not an amount in USD; use at most 6 decimals, such as 25 or 0.08"
                ),
            )
        };
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || fraction.len() > 6 || !digits(whole) || !digits(fraction) {
            return Err(bad());
        }
        let whole: i64 = whole.parse().map_err(|_| bad())?;
        let fraction: i64 = format!("{fraction:0<6}").parse().map_err(|_| bad())?;
        let micros = whole
            .checked_mul(1_000_000)
            .and_then(|micros| micros.checked_add(fraction));
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
        write!(
            f,
            "{sign}${}",
            Self::unsigned_decimal(self.0.unsigned_abs())
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_exactly() {
        assert_eq!(MicroUsd::parse_usd("0.08").unwrap(), MicroUsd(80_000));
        assert_eq!(
            MicroUsd::parse_usd("41.200001").unwrap(),
            MicroUsd(41_200_001)
        );
        assert_eq!(MicroUsd(80_000).to_string(), "$0.08");
        assert_eq!(MicroUsd(12_000).to_string(), "$0.012");
        assert_eq!(MicroUsd(41_200_000).to_string(), "$41.20");
        for text in ["", "-1", "1e3", "0.0000001", ".5", "1,5", "9223372036855"] {
            assert!(MicroUsd::parse_usd(text).is_err(), "{text:?}");
        }
    }
}
