//! A range of whole days for usage queries.

use super::Window;
use crate::base::day::Day;
use crate::base::error::{Error, Result};
use crate::base::time::Timestamp;

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
    pub fn named(from: Option<Day>, to: Option<Day>, now: Timestamp) -> Self {
        let to = to.unwrap_or_else(|| Day::of(now));
        Self {
            from: from.unwrap_or_else(|| to.minus(DAYS_DEFAULT - 1)),
            to,
        }
    }

    /// From the first millisecond of the first day to the last millisecond of the last. Kind
    /// `Invalid`, field `from`, if the last day is before the first or the range exceeds 366 days.
    pub fn window(&self) -> Result<Window> {
        let window = Window::of_days_at_most(DAYS_MAX, self.from.first(), self.to.last());
        window.map_err(|error: Error| error.field("from"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_not_named_are_the_last_thirty() {
        let day = |text| Day::parse(text).unwrap();
        let now = Timestamp(day("2026-11-30").first().0 + 5);

        assert_eq!(
            Days::named(None, None, now),
            Days {
                from: day("2026-11-01"),
                to: day("2026-11-30")
            }
        );
        assert_eq!(
            Days::named(Some(day("2026-11-30")), None, now)
                .window()
                .unwrap()
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
            .window()
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
}
