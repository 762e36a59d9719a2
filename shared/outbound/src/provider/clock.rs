//! How far this machine's clock is from the provider's, by the `Date` of its answers (RFC 9110,
//! section 6.6.1). Submits in doubt are sought by the provider's clock, so they do not wait for
//! somebody to set this one.

use std::sync::{Mutex, PoisonError};

use fluxgate_core::clock_skew::ClockSkew;
use fluxgate_core::time::Timestamp;
use hyper::header::{AGE, DATE, HeaderMap};

/// What is known holds as long as answers differ from it by no more than this and the time that
/// they took: they tell whole seconds, at some moment between the request and their arrival.
const HOLDS_MS: u64 = 5_000;

#[derive(Default)]
pub(super) struct ProviderClock {
    known: Mutex<Option<ClockSkew>>,
    /// Whether it writes to the log.
    pub(super) tells: bool,
}

impl ProviderClock {
    /// `None` before the first answer that told the time.
    pub(super) fn ahead_ms(&self) -> Option<i64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.map(ClockSkew::ahead_ms)
    }

    /// Learns from an answer that arrived now. By this clock also the time that it took: a process
    /// that was frozen meanwhile learns nothing.
    pub(super) fn learn(&self, headers: &HeaderMap, asked_at: Timestamp, now: Timestamp) {
        // A cache tells when its answer was made.
        let Some(there) = date(headers).filter(|_| !headers.contains_key(AGE)) else {
            return;
        };
        let skew = ClockSkew { here: now, there };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = *known.get_or_insert(ClockSkew {
            here: now,
            there: now,
        });
        let moved_ms = skew.ahead_ms().abs_diff(before.ahead_ms());
        if moved_ms <= HOLDS_MS.saturating_add(now.since_ms(asked_at)) {
            return;
        }
        *known = Some(skew);
        drop(known);
        if self.tells {
            tell(skew, before);
        }
    }
}

/// A line when the clocks begin to differ by more than a minute, when they differ by something
/// else, and when they agree again.
fn tell(skew: ClockSkew, before: ClockSkew) {
    if skew.is_off() {
        let told = skew.told("the provider's");
        tracing::warn!("{told}, as by 'timedatectl set-ntp true'");
    } else if before.is_off() {
        tracing::info!("the clock of this machine and the provider's agree again");
    }
}

pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    Timestamp::from_http_date(headers.get(DATE)?.to_str().ok()?.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE_THERE: &str = "Sun, 29 Nov 2026 08:41:51 GMT";
    const THERE: Timestamp = Timestamp(1_795_941_711_000);

    fn answer(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let parsed = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        parsed.collect()
    }

    /// What is known after answers that arrived at these seconds of the clock here, and took so
    /// many.
    fn after(answers: &[(i64, u64)]) -> Option<i64> {
        let clock = ProviderClock::default();
        for (ahead_s, took_s) in answers {
            let now = Timestamp(THERE.0 + ahead_s * 1_000);
            let asked_at = now.minus_ms(took_s * 1_000);
            clock.learn(&answer(&[("date", DATE_THERE)]), asked_at, now);
        }
        clock.ahead_ms()
    }

    #[test]
    fn an_answer_tells_how_far_the_clock_is_off_either_way() {
        assert_eq!(after(&[]), None);
        assert_eq!(after(&[(2, 0)]), Some(0), "on its way for two seconds");
        assert_eq!(after(&[(90, 0)]), Some(90_000));
        assert_eq!(after(&[(-3_600, 0)]), Some(-3_600_000));
    }

    #[test]
    fn a_clock_that_was_set_is_noticed_and_a_slow_answer_is_none() {
        assert_eq!(after(&[(90, 0), (93, 0)]), Some(90_000));
        assert_eq!(after(&[(90, 0), (1, 0)]), Some(1_000));
        assert_eq!(after(&[(0, 0), (30, 30)]), Some(0));
        assert_eq!(after(&[(90, 0), (0, 30)]), Some(0));
    }

    #[test]
    fn an_answer_of_a_cache_or_without_a_time_teaches_nothing() {
        for headers in [
            answer(&[("date", DATE_THERE), ("age", "3600")]),
            answer(&[("date", "a moment ago")]),
            answer(&[]),
        ] {
            let clock = ProviderClock::default();
            clock.learn(&headers, THERE, THERE.plus_ms(90_000));
            assert_eq!(clock.ahead_ms(), None, "{headers:?}");
        }
    }
}
