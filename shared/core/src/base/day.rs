//! A calendar day, the unit of daily sums and of usage reports.

use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::base::error::Error;
use crate::base::time::Timestamp;

const DAY_MS: i64 = 86_400_000;

/// Days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Day(i64);

impl Day {
    /// Before all days of an account.
    pub const FIRST: Self = Self(0);
    /// After all days of an account: 9999-12-30.
    pub const LAST: Self = Self(2_932_895);

    /// The day in UTC that contains this moment.
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

    /// The day of this date.
    pub(crate) fn of_date(date: Date) -> Self {
        let midnight = date.to_zoned(TimeZone::UTC).map(|day| day.timestamp());
        Self::of(Timestamp(
            midnight.map_or(0, jiff::Timestamp::as_millisecond),
        ))
    }

    pub(crate) fn date(self) -> Date {
        self.first().instant().to_zoned(TimeZone::UTC).date()
    }

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Its first millisecond in UTC.
    pub fn first(self) -> Timestamp {
        Timestamp(self.0.saturating_mul(DAY_MS))
    }

    /// Its last millisecond in UTC.
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

impl TryFrom<String> for Day {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let text = text.as_str();
        Self::parse(text).ok_or_else(|| {
            let text = format!("'{text}' is not a day; use the form 2026-11-01");
            Error::invalid("invalid_parameter", text)
        })
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
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
