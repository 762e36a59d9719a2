//! A calendar day in UTC, the unit of usage reports.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::time::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i64);

impl Day {
    /// The day that contains this moment.
    pub fn of(moment: Timestamp) -> Self {
        Self(moment.0.div_euclid(DAY_MS))
    }

    /// Parses the form `2026-11-01` only; `None` if it is malformed or no such day exists.
    pub fn parse(text: &str) -> Option<Self> {
        let date: Date = text.parse().ok()?;
        let midnight = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        let day = Self::of(Timestamp(midnight.as_millisecond()));
        (day.to_string() == text).then_some(day)
    }

    /// Its first millisecond.
    pub fn first(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY_MS))
    }

    /// Its last millisecond.
    pub fn last(self) -> Timestamp {
        self.first().plus_ms(DAY_MS.unsigned_abs() - 1)
    }

    /// The day this many days earlier.
    #[must_use]
    pub fn minus(self, days: u32) -> Self {
        Self(self.0.saturating_sub(days.into()))
    }
}

/// `2026-11-01`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first().date_path().replace('/', "-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_and_written_in_one_way_only() {
        for text in ["2026-11-01", "2024-02-29", "1970-01-01", "1969-12-31"] {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "2026-11-31",
            "2025-02-29",
            "20261101",
            "2026-11-1",
            "2026-11-01T00:00:00",
            "9999-12-31",
            "x",
        ] {
            assert_eq!(Day::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn the_last_millisecond_of_a_day_is_its_own() {
        let day = Day::parse("2026-11-22").unwrap();

        assert_eq!(Day::of(day.last()), day);
        assert_eq!(Day::of(Timestamp(day.last().0 + 1)).minus(1), day);
        assert_eq!(Day::of(day.first()), day);
    }
}
