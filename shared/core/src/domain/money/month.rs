//! Calendar months in a time zone. The time zone database is compiled in; nothing is read from the
//! system.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::civil::date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::base::day::Day;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone from the IANA database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Zone(TimeZone);

impl Zone {
    /// Kind `Invalid` with code `invalid_time_zone` for a name that is not in the database.
    pub fn parse(name: &str) -> Result<Self> {
        ZONES.get(name).map(Self).map_err(|_| {
            let text = format!("'{name}' is not a time zone in the IANA database; use one such as Europe/Berlin or UTC");
            Error::invalid("invalid_time_zone", text)
        })
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The current month in this time zone.
    pub fn month_at(&self, now: Timestamp) -> Month {
        let date = self.0.to_datetime(now.instant()).date();
        Month::new(date.year(), date.month())
    }

    /// The current day in this time zone.
    pub fn day_at(&self, now: Timestamp) -> Day {
        Day::of_date(self.0.to_datetime(now.instant()).date())
    }

    /// The first moment of the day in this time zone; the end of time for a day that no calendar
    /// has.
    pub fn begins_day(&self, day: Day) -> Timestamp {
        let begins = day.date().to_zoned(self.0.clone()).ok();
        let begins = begins.and_then(|day| day.start_of_day().ok());
        begins.map_or(Timestamp(i64::MAX), |begins| {
            Timestamp(begins.timestamp().as_millisecond())
        })
    }

    /// The first moment of the month in this time zone; the end of time for a month that no
    /// calendar has.
    pub fn begins(&self, month: Month) -> Timestamp {
        let first = i8::try_from(month.0 % 12 + 1)
            .ok()
            .zip(i16::try_from(month.0 / 12).ok());
        let first = first
            .filter(|(_, year)| *year <= 9999)
            .map(|(month, year)| date(year, month, 1));
        let begins = first
            .and_then(|day| day.to_zoned(self.0.clone()).ok())
            .and_then(|day| day.start_of_day().ok());
        begins.map_or(Timestamp(i64::MAX), |begins| {
            Timestamp(begins.timestamp().as_millisecond())
        })
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Zone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::parse(name)
    }
}

impl TryFrom<String> for Zone {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        Self::parse(&name)
    }
}

impl From<Zone> for String {
    fn from(zone: Zone) -> Self {
        zone.name().to_owned()
    }
}

/// The years whose months are asked for.
const ASKED_YEARS: RangeInclusive<u32> = 2000..=2100;

/// A month of a year, written `2026-11`. Stored as months since year 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month(u32);

impl Month {
    /// Out-of-range years and months are clamped.
    fn new(year: i16, month: i8) -> Self {
        let (year, month) = (
            u32::try_from(year).unwrap_or(0),
            u32::try_from(month - 1).unwrap_or(0),
        );
        Self(year * 12 + month.min(11))
    }

    /// A month that somebody asks for: of a year in which there may be books.
    pub fn asked(text: &str) -> Result<Self> {
        let is_written = |(at, byte): (usize, u8)| match at {
            4 => byte == b'-',
            _ => byte.is_ascii_digit(),
        };
        let month = text.parse::<Self>().ok().filter(|month| {
            let is_month = text.len() == 7 && text.bytes().enumerate().all(is_written);
            is_month && ASKED_YEARS.contains(&(month.0 / 12))
        });
        month.ok_or_else(|| {
            let (first, last) = (ASKED_YEARS.start(), ASKED_YEARS.end());
            let text = format!(
                "'{text}' is not a month of the years {first} to {last}; use the form 2026-11"
            );
            Error::invalid("invalid_month", text)
        })
    }

    /// The month that the day lies in.
    pub fn of_day(day: Day) -> Self {
        let date = day.date();
        Self::new(date.year(), date.month())
    }

    pub fn first_day(self) -> Day {
        let month = i8::try_from(self.0 % 12 + 1).unwrap_or(1);
        let year = i16::try_from(self.0 / 12).unwrap_or(9999).min(9999);
        Day::of_date(date(year, month, 1))
    }

    pub fn last_day(self) -> Day {
        Day::of_date(self.first_day().date().last_of_month())
    }

    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// Months from `earlier` to this one; 0 if `earlier` is later.
    pub fn since(self, earlier: Self) -> u32 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

impl FromStr for Month {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parts = text
            .split_once('-')
            .and_then(|(year, month)| Some((year.parse().ok()?, month.parse().ok()?)));
        match parts {
            Some((year @ 0..=9999, month @ 1..=12)) => Ok(Self::new(year, month)),
            _ => Err(Error::invalid(
                "invalid_month",
                format!("'{text}' is not a month; use the form 2026-11"),
            )),
        }
    }
}

impl TryFrom<String> for Month {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> Self {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begins(zone: &str, month: &str) -> String {
        Zone::parse(zone)
            .unwrap()
            .begins(month.parse().unwrap())
            .rfc3339()
    }

    fn month_at(zone: &str, moment: &str) -> String {
        Zone::parse(zone)
            .unwrap()
            .month_at(Timestamp::from_rfc3339(moment).unwrap())
            .to_string()
    }

    #[test]
    fn a_month_begins_at_midnight_of_its_zone_in_summer_and_in_winter() {
        assert_eq!(
            begins("Europe/Berlin", "2026-03"),
            "2026-02-28T23:00:00.000Z"
        );
        assert_eq!(
            begins("Europe/Berlin", "2026-04"),
            "2026-03-31T22:00:00.000Z"
        );
        assert_eq!(
            begins("Europe/Berlin", "2026-11"),
            "2026-10-31T23:00:00.000Z"
        );
        // Summer time ends there on this very day, two hours later.
        assert_eq!(
            begins("America/St_Johns", "2026-11"),
            "2026-11-01T02:30:00.000Z"
        );
        assert_eq!(
            begins("America/St_Johns", "2026-12"),
            "2026-12-01T03:30:00.000Z"
        );
        assert_eq!(
            begins("Pacific/Kiritimati", "2026-11"),
            "2026-10-31T10:00:00.000Z"
        );
        assert_eq!(begins("UTC", "2027-01"), "2027-01-01T00:00:00.000Z");
    }

    #[test]
    fn a_february_has_29_days_in_a_leap_year() {
        assert_eq!(
            begins("Pacific/Kiritimati", "2028-03"),
            "2028-02-29T10:00:00.000Z"
        );
        assert_eq!(
            month_at("Pacific/Kiritimati", "2028-02-29T09:59:59.999Z"),
            "2028-02"
        );
        assert_eq!(
            month_at("Pacific/Kiritimati", "2027-02-28T10:00:00Z"),
            "2027-03"
        );
        assert_eq!(
            month_at("America/St_Johns", "2028-03-01T03:29:59.999Z"),
            "2028-02"
        );
    }

    #[test]
    fn the_days_of_a_month_follow_each_other_over_leaps_and_changes_of_the_clocks() {
        for zone in [
            "Europe/Berlin",
            "America/St_Johns",
            "America/Asuncion",
            "UTC",
        ] {
            let zone = Zone::parse(zone).unwrap();
            let month: Month = "2028-02".parse().unwrap();
            assert_eq!(month.last_day().to_string(), "2028-02-29");
            let mut day = "2023-09".parse::<Month>().unwrap().first_day();
            for _ in 0..900 {
                let begins = zone.begins_day(day.next());
                assert_eq!(zone.day_at(Timestamp(begins.0 - 1)), day, "{zone}");
                assert_eq!(zone.day_at(begins), day.next(), "{zone}");
                assert_eq!(Month::of_day(day), zone.month_at(zone.begins_day(day)));
                day = day.next();
            }
        }
    }

    #[test]
    fn a_midnight_that_the_clocks_jump_over_begins_its_month_late() {
        // Summer time began in Asunción on 1 October 2023 at midnight.
        assert_eq!(
            begins("America/Asuncion", "2023-10"),
            "2023-10-01T04:00:00.000Z"
        );
    }

    #[test]
    fn the_last_millisecond_and_the_first_are_of_different_months_everywhere() {
        for zone in [
            "Europe/Berlin",
            "America/St_Johns",
            "Pacific/Kiritimati",
            "America/Asuncion",
            "UTC",
        ] {
            let zone = Zone::parse(zone).unwrap();
            let mut month: Month = "2026-01".parse().unwrap();
            for _ in 0..60 {
                let begins = zone.begins(month.next());
                assert_eq!(zone.month_at(Timestamp(begins.0 - 1)), month, "{zone}");
                assert_eq!(zone.month_at(begins), month.next(), "{zone}");
                month = month.next();
            }
        }
    }

    #[test]
    fn names_and_months_that_there_are_not_are_refused() {
        assert_eq!(
            Zone::parse("Europe/Atlantis").unwrap_err().code,
            "invalid_time_zone"
        );
        assert_eq!(
            Zone::parse("europe/berlin").unwrap().name(),
            "Europe/Berlin"
        );
        assert_eq!(
            serde_json::to_string(&Zone::parse("UTC").unwrap()).unwrap(),
            r#""UTC""#
        );
        for text in ["2026-13", "2026-00", "2026", "-1-01", "2026-1x"] {
            assert!(text.parse::<Month>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_month_that_is_asked_for_is_written_in_one_way_and_of_a_year_with_books() {
        for text in ["2000-01", "2026-11", "2100-12"] {
            assert_eq!(Month::asked(text).unwrap().to_string(), text);
        }
        for text in [
            "0000-01", "1999-12", "2101-01", "9999-12", "+2026-11", "2026-+1", "02026-1", "2026-1",
            "2026-011", "november", "",
        ] {
            let error = Month::asked(text).unwrap_err();
            assert_eq!(error.code, "invalid_month", "{text}");
        }
    }

    #[test]
    fn a_clock_at_the_end_of_time_breaks_nothing() {
        let zone = Zone::parse("Pacific/Kiritimati").unwrap();

        assert_eq!(
            zone.begins("9999-12".parse::<Month>().unwrap().next()),
            Timestamp(i64::MAX)
        );
        assert!(zone.month_at(Timestamp(i64::MAX)) <= zone.month_at(Timestamp(0)));
        assert!(
            zone.month_at(Timestamp(-99_999_999_999_999))
                .to_string()
                .starts_with("0000-")
        );
    }
}
