//! The day that an account's entries are recorded in.

use serde::{Deserialize, Serialize};

use crate::base::day::Day;
use crate::base::time::Timestamp;
use crate::domain::money::{Month, Zone};

/// A day of an account: a date of its time zone, and the moments between which it lies.
///
/// Days only go forward. An entry whose clock is behind is recorded at the first moment of the open
/// day, so that a day which is over never changes. A change of the zone makes one day longer or the
/// next one shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenDay {
    pub day: Day,
    pub from: Timestamp,
    /// The first moment of the next day.
    pub until: Timestamp,
    /// When the month of this day began.
    pub month_from: Timestamp,
}

impl OpenDay {
    /// The first day with sums of an account. None of its moments is before `since`.
    pub fn first(zone: &Zone, at: Timestamp, since: Timestamp) -> Self {
        let at = at.max(since);
        let day = zone.day_at(at);
        Self {
            day,
            from: zone.begins_day(day).max(since),
            until: until(zone, day, at),
            month_from: zone.begins(Month::of_day(day)),
        }
    }

    pub fn holds(&self, at: Timestamp) -> bool {
        (self.from..self.until).contains(&at)
    }

    /// The day that an entry of this moment belongs to: this one, or a later one.
    #[must_use]
    pub fn at(self, zone: &Zone, at: Timestamp) -> Self {
        if at < self.until {
            return self;
        }
        let day = zone.day_at(at).max(self.day.next());
        let from = if day == self.day.next() {
            self.until
        } else {
            zone.begins_day(day).max(self.until)
        };
        let month_from = if Month::of_day(day) == Month::of_day(self.day) {
            self.month_from
        } else {
            zone.begins(Month::of_day(day)).max(self.until)
        };
        Self {
            day,
            from: from.min(at),
            until: until(zone, day, at),
            month_from,
        }
    }

    /// When an entry of this moment is recorded.
    pub fn time_of(&self, at: Timestamp) -> Timestamp {
        at.max(self.from)
    }

    /// The same day once the account has another zone: it ends when the next date begins there, and
    /// not earlier than it would have, for it may have entries up to then.
    #[must_use]
    pub fn in_zone(self, zone: &Zone, now: Timestamp) -> Self {
        if self.until <= now {
            return self;
        }
        let until = zone.begins_day(self.day.next()).max(self.until);
        Self { until, ..self }
    }
}

fn until(zone: &Zone, day: Day, at: Timestamp) -> Timestamp {
    zone.begins_day(day.next()).max(at.plus_ms(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(text: &str) -> Timestamp {
        Timestamp::from_rfc3339(text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn first(zone: &Zone, at: &str) -> OpenDay {
        OpenDay::first(zone, moment(at), Timestamp(i64::MIN))
    }

    fn shown(open: OpenDay) -> String {
        format!(
            "{} {} {}",
            open.day,
            open.from.rfc3339(),
            open.until.rfc3339()
        )
    }

    #[test]
    fn a_day_lies_between_the_midnights_of_its_zone_and_the_next_begins_where_it_ends() {
        let berlin = zone("Europe/Berlin");

        // 25 hours: summer time ends.
        let open = first(&berlin, "2026-10-25T12:00:00Z");
        let next = open.at(&berlin, moment("2026-10-25T23:00:00Z"));
        let later = open.at(&berlin, moment("2026-11-02T08:00:00Z"));

        assert_eq!(
            shown(open),
            "2026-10-25 2026-10-24T22:00:00.000Z 2026-10-25T23:00:00.000Z"
        );
        assert_eq!(open.at(&berlin, moment("2026-10-25T22:59:59.999Z")), open);
        assert_eq!(
            shown(next),
            "2026-10-26 2026-10-25T23:00:00.000Z 2026-10-26T23:00:00.000Z"
        );
        assert_eq!(
            shown(later),
            "2026-11-02 2026-11-01T23:00:00.000Z 2026-11-02T23:00:00.000Z"
        );
        assert_eq!(next.month_from, moment("2026-09-30T22:00:00Z"));
        assert_eq!(later.month_from, moment("2026-10-31T23:00:00Z"));
    }

    #[test]
    fn a_leap_day_is_a_day_of_february() {
        let open = first(&zone("UTC"), "2028-02-28T12:00:00Z");

        let leap = open.at(&zone("UTC"), moment("2028-02-29T00:00:00Z"));
        let march = leap.at(&zone("UTC"), moment("2028-03-01T00:00:00Z"));

        assert_eq!(
            (leap.day.to_string(), leap.month_from),
            ("2028-02-29".to_owned(), moment("2028-02-01T00:00:00Z"))
        );
        assert_eq!(march.month_from, moment("2028-03-01T00:00:00Z"));
    }

    #[test]
    fn a_clock_that_is_behind_records_at_the_first_moment_of_the_open_day() {
        let utc = zone("UTC");
        let open = first(&utc, "2026-11-02T00:00:01Z");
        let behind = moment("2026-11-01T23:59:59Z");

        assert_eq!(open.at(&utc, behind), open);
        assert!(!open.holds(behind));
        assert_eq!(open.time_of(behind), moment("2026-11-02T00:00:00Z"));
    }

    #[test]
    fn a_change_of_the_zone_prolongs_the_day_or_shortens_the_next() {
        let (utc, east) = (zone("UTC"), zone("Pacific/Kiritimati"));
        let midnight = moment("2026-11-11T00:00:00Z");
        let open = first(&utc, "2026-11-10T08:00:00Z");

        let unchanged = open.in_zone(&east, moment("2026-11-10T12:00:00Z"));
        let shorter = unchanged.at(&east, midnight);
        let longer = shorter.in_zone(&utc, moment("2026-11-11T01:00:00Z"));

        assert_eq!(unchanged, open);
        assert_eq!(
            shown(shorter),
            "2026-11-11 2026-11-11T00:00:00.000Z 2026-11-11T10:00:00.000Z"
        );
        assert_eq!(longer.until, moment("2026-11-12T00:00:00Z"));
        assert_eq!(
            shown(longer.at(&utc, moment("2026-11-12T00:00:00Z"))),
            "2026-11-12 2026-11-12T00:00:00.000Z 2026-11-13T00:00:00.000Z"
        );
    }

    #[test]
    fn days_follow_each_other_without_gap_whatever_the_zone_becomes() {
        let zones = [
            "UTC",
            "Europe/Berlin",
            "Pacific/Kiritimati",
            "America/St_Johns",
        ]
        .map(zone);
        let mut now = moment("2026-10-20T00:00:00Z");
        let mut open = OpenDay::first(&zones[0], now, Timestamp(i64::MIN));
        for n in 0..2_000_usize {
            now = now.plus_ms(1 + (n as u64 * 7_919_000) % 30_000_000);
            let zone = &zones[(n / 5) % zones.len()];
            open = open.in_zone(zone, now);
            let next = open.at(zone, now);

            assert!(next.holds(now), "{n}: {next:?}");
            assert!(next == open || (next.day > open.day && next.from >= open.until));
            assert!(next.month_from <= next.from);
            open = next;
        }
    }
}
