//! Points in time, as milliseconds since the Unix epoch. The clock itself is a port.

use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Milliseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    #[must_use]
    pub fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// Milliseconds since `earlier`; zero if the clock went backwards.
    #[must_use]
    pub fn since_ms(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The same without a part of a second.
    #[must_use]
    pub fn whole_seconds(self) -> Self {
        Self(self.seconds().saturating_mul(1_000))
    }

    /// RFC 3339 with three fractional digits, as the provider writes it.
    pub fn rfc3339(self) -> String {
        format!("{:.3}", self.instant())
    }

    /// `yyyy/mm/dd` in UTC, the date folders of an output's key.
    pub fn date_path(self) -> String {
        let date = self.instant().to_zoned(TimeZone::UTC).date();
        format!("{:04}/{:02}/{:02}", date.year(), date.month(), date.day())
    }

    /// Parses RFC 3339 of any precision; `None` if malformed.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        text.parse::<Instant>()
            .ok()
            .map(|instant| Self(instant.as_millisecond()))
    }

    /// As in HTTP's header `Date` (RFC 9110, section 5.6.7); `None` if malformed.
    pub fn from_http_date(text: &str) -> Option<Self> {
        let parser = jiff::fmt::rfc2822::DateTimeParser::new();
        let instant = parser.parse_timestamp(text).ok()?;
        Some(Self(instant.as_millisecond()))
    }

    /// RFC 3339, or the same without an offset, which is then UTC, and perhaps without a time,
    /// which is then midnight; `None` if malformed.
    pub fn from_rfc3339_or_utc(text: &str) -> Option<Self> {
        Self::from_rfc3339(text).or_else(|| {
            let local = text.parse::<DateTime>().ok()?;
            let utc = local.to_zoned(TimeZone::UTC).ok()?;
            Some(Self(utc.timestamp().as_millisecond()))
        })
    }

    pub(crate) fn instant(self) -> Instant {
        Instant::from_millisecond(self.0).unwrap_or(Instant::UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_as_the_provider_writes_it() {
        let timestamp = Timestamp(1_787_618_961_479);

        assert_eq!(timestamp.rfc3339(), "2026-08-25T00:49:21.479Z");
        assert_eq!(timestamp.date_path(), "2026/08/25");
        assert_eq!(
            Timestamp::from_rfc3339("2026-08-25T00:49:21.479000123Z"),
            Some(timestamp)
        );
    }

    #[test]
    fn a_time_without_an_offset_is_utc_and_a_date_alone_its_midnight() {
        let moment = Timestamp::from_rfc3339("2026-08-25T00:49:21.479Z");
        for text in [
            "2026-08-25T00:49:21.479Z",
            "2026-08-25T00:49:21.479",
            "2026-08-25 00:49:21.479000",
            "2026-08-25T02:49:21.479+02:00",
        ] {
            assert_eq!(Timestamp::from_rfc3339_or_utc(text), moment, "{text}");
        }
        let midnight = Timestamp::from_rfc3339("2026-08-25T00:00:00Z");
        assert_eq!(Timestamp::from_rfc3339_or_utc("2026-08-25"), midnight);
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-08-25T25:00:00",
            "1787618961479",
        ] {
            assert_eq!(Timestamp::from_rfc3339_or_utc(text), None, "{text}");
        }
    }
}
