//! How far this machine's clock is from another's, by the time that the other tells in an answer.

use super::error::Error;
use super::time::Timestamp;

/// Clocks closer than this agree: an answer takes its time, and tells whole seconds.
const AGREE_MS: u64 = 60_000;
/// AWS accepts signatures within five minutes, some of its services within fifteen.
const REFUSED_MS: u64 = 4 * 60_000;

/// The times of two clocks at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    pub here: Timestamp,
    pub there: Timestamp,
}

impl ClockSkew {
    /// `None` when the clocks agree, or the other's `Date` header cannot be read.
    pub fn by_date(date: &str, here: Timestamp) -> Option<Self> {
        let there = Timestamp::from_http_date(date)?;
        let skew = Self { here, there };
        skew.is_off().then_some(skew)
    }

    fn abs_ms(self) -> u64 {
        self.here.0.abs_diff(self.there.0)
    }

    /// How far this machine's clock is ahead; negative if it is behind.
    pub fn ahead_ms(self) -> i64 {
        self.here.0.saturating_sub(self.there.0)
    }

    /// Whether the clocks differ by more than a minute.
    pub fn is_off(self) -> bool {
        self.abs_ms() > AGREE_MS
    }

    /// Whether a signature made by this clock is refused there.
    pub fn is_refused(self) -> bool {
        self.abs_ms() > REFUSED_MS
    }

    /// For a log line or an operator: by how much, and how to mend it.
    pub fn told(self, whose: &str) -> String {
        let seconds = self.abs_ms() / 1_000;
        let order = match self.here < self.there {
            true => "behind",
            false => "ahead of",
        };
        format!(
            "the clock of this machine is {seconds} s {order} {whose}: {} here, {} there; set it by NTP",
            self.here.whole_seconds().rfc3339(),
            self.there.whole_seconds().rfc3339(),
        )
    }

    /// Kind `Unavailable` with code `clock_skewed`.
    pub fn error(self, whose: &str) -> Error {
        Error::unavailable("clock_skewed", self.told(whose))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_941_711_500);

    #[test]
    fn clocks_agree_within_a_minute_and_the_one_that_is_off_is_told_by_how_much() {
        let at = |minutes: i64| Timestamp(NOW.0 + minutes * 60_000);
        let date = "Sun, 29 Nov 2026 08:41:51 GMT";

        assert_eq!(ClockSkew::by_date(date, NOW), None);
        assert_eq!(ClockSkew::by_date("soon", NOW), None);
        let two = ClockSkew::by_date(date, at(2)).unwrap();
        let hour = ClockSkew::by_date(date, at(-60)).unwrap();
        assert!(!two.is_refused() && hour.is_refused());
        assert!(two.told("AWS's").contains("is 120 s ahead of AWS's: "));
        assert!(hour.told("AWS's").contains("is 3599 s behind AWS's: "));
        assert!(
            hour.told("AWS's")
                .contains("2026-11-29T08:41:51.000Z there")
        );
    }
}
