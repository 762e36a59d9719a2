//! A range of whole days for usage queries.

use super::Window;
use crate::base::day::Day;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;
use crate::domain::money::Zone;

/// One leap year.
const DAYS_MAX: u32 = 366;
/// The number of days if no first day is given.
const DAYS_DEFAULT: u32 = 30;

/// A first and a last day, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    pub from: Day,
    pub to: Day,
}

impl Days {
    /// Defaults: the last day is today, the first is 29 days before the last.
    pub fn named(from: Option<Day>, to: Option<Day>, today: Day) -> Self {
        let to = to.unwrap_or(today);
        Self {
            from: from.unwrap_or_else(|| to.minus(DAYS_DEFAULT - 1)),
            to,
        }
    }

    /// Kind `Invalid`, field `from`, if the last day is before the first or the range exceeds 366
    /// days.
    pub fn check(&self) -> Result<()> {
        let window = Window::of_days_at_most(DAYS_MAX, self.from.first(), self.to.last());
        window.map(drop).map_err(|error: Error| error.field("from"))
    }

    /// From the first millisecond of the first day in this zone to the last millisecond of the
    /// last.
    pub fn window(&self, zone: &Zone) -> Window {
        let until = zone.begins_day(self.to.next()).minus_ms(1);
        Window {
            from: zone.begins_day(self.from),
            until,
        }
    }

    /// The whole days of UTC in the window, if there are any, and what is left of it beside them.
    /// The day of this moment is whole if the window goes on until then.
    pub fn within(window: &Window, now: Timestamp) -> Option<(Self, Vec<Window>)> {
        let (mut from, mut to) = (Day::of(window.from), Day::of(window.until));
        if window.from > from.first() {
            from = from.next();
        }
        if window.until < to.last() && window.until < now {
            to = to.minus(1);
        }
        let before = Window {
            from: window.from,
            until: from.first().minus_ms(1),
        };
        let behind = Window {
            from: to.next().first(),
            until: window.until,
        };
        let rest = [before, behind].into_iter();
        let rest = rest.filter(|rest| rest.from <= rest.until);
        (from <= to).then(|| (Self { from, to }, rest.collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_not_named_are_the_last_thirty() {
        let day = |text| Day::parse(text).unwrap();
        let today = day("2026-11-30");

        assert_eq!(
            Days::named(None, None, today),
            Days {
                from: day("2026-11-01"),
                to: day("2026-11-30")
            }
        );
        assert_eq!(
            Days::named(Some(day("2026-11-30")), None, today)
                .window(&Zone::default())
                .until,
            day("2026-11-30").last()
        );
    }

    #[test]
    fn a_leap_year_is_the_most() {
        let window = |from, to| {
            Days {
                from: Day::parse(from).unwrap(),
                to: Day::parse(to).unwrap(),
            }
            .check()
        };

        assert!(window("2024-01-01", "2024-12-31").is_ok());
        assert_eq!(
            window("2024-01-01", "2025-01-01").unwrap_err().code,
            "window_too_long"
        );
        let backwards = window("2024-01-02", "2024-01-01").unwrap_err();
        assert_eq!(
            (backwards.code, backwards.field.as_deref()),
            ("invalid_window", Some("from"))
        );
    }

    #[test]
    fn a_window_is_its_whole_days_and_what_is_left_beside_them() {
        let moment = |text: &str| Timestamp::from_rfc3339(text).unwrap();
        let window = |from: &str, until: &str| Window {
            from: moment(from),
            until: moment(until),
        };
        let now = moment("2026-11-30T12:00:00Z");
        let split = |from: &str, until: &str| {
            let found = Days::within(&window(from, until), now);
            found.map(|(days, rest)| (format!("{} {}", days.from, days.to), rest))
        };
        let whole = |text: &str, rest| Some((text.to_owned(), rest));

        let morning = window("2026-11-04T12:00:00Z", "2026-11-04T23:59:59.999Z");
        let evening = window("2026-11-07T00:00:00Z", "2026-11-07T10:00:00Z");
        assert_eq!(
            split("2026-11-04T12:00:00Z", "2026-11-07T10:00:00Z"),
            whole("2026-11-05 2026-11-06", vec![morning, evening])
        );
        assert_eq!(
            split("2026-11-04T12:00:00Z", "2026-11-30T13:00:00Z"),
            whole("2026-11-05 2026-11-30", vec![morning]),
            "until now"
        );
        assert_eq!(
            split("2026-11-05T00:00:00Z", "2026-11-06T23:59:59.999Z"),
            whole("2026-11-05 2026-11-06", vec![])
        );
        assert_eq!(split("2026-11-05T01:00:00Z", "2026-11-06T10:00:00Z"), None);
    }
}
