//! How long a client may stall a body.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::bounds::ConnectionBounds;

/// An allowance that waiting uses up and bytes restore. It never exceeds its initial value, so a
/// client that was fast at first cannot be slow for long.
#[derive(Debug)]
struct Pace {
    credit: Duration,
    credit_max: Duration,
    bytes_per_second_min: u64,
    waiting_since: Option<Instant>,
}

impl Pace {
    fn new(bounds: &ConnectionBounds) -> Self {
        let credit = bounds.stall_timeout();
        let bytes_per_second_min = bounds.bytes_per_second_min.max(1);
        Self {
            credit,
            credit_max: credit,
            bytes_per_second_min,
            waiting_since: None,
        }
    }

    /// The client is stalling; returns the deadline.
    fn waits(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.credit
    }

    fn moved(&mut self, now: Instant, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.credit = self
                .credit
                .saturating_sub(now.saturating_duration_since(since));
        }
        let won = Duration::from_micros(
            (bytes as u64).saturating_mul(1_000_000) / self.bytes_per_second_min,
        );
        self.credit = self.credit.saturating_add(won).min(self.credit_max);
    }
}

/// A pace and the timer that enforces it. The timer is created when there is something to wait for.
#[derive(Debug)]
pub(crate) struct Patience {
    pace: Pace,
    until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// For a whole body, which also has a deadline.
    pub(crate) fn for_body(bounds: &ConnectionBounds) -> Self {
        Self {
            until: Some(Instant::now() + bounds.body_timeout()),
            ..Self::for_stalls(bounds)
        }
    }

    /// For stalls only.
    pub(crate) fn for_stalls(bounds: &ConnectionBounds) -> Self {
        Self {
            pace: Pace::new(bounds),
            until: None,
            timer: None,
        }
    }

    /// To be asked whenever the client lets us wait. Ready when it has done so for too long.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let end = self.pace.waits(Instant::now());
        let end = self.until.map_or(end, |until| until.min(end));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }

    pub(crate) fn moved(&mut self, bytes: usize) {
        self.pace.moved(Instant::now(), bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pace() -> Pace {
        Pace::new(&ConnectionBounds {
            stall_timeout_ms: 10_000,
            bytes_per_second_min: 1_000,
            ..ConnectionBounds::default()
        })
    }

    /// After how many seconds a client is dropped if it sends this much every second.
    fn given_up_after(mut pace: Pace, bytes: usize) -> Option<u32> {
        let start = Instant::now();
        (0..100).find(|second| {
            let now = start + SECOND * *second;
            let has_passed = pace.waits(now) < now + SECOND;
            pace.moved(now + SECOND, bytes);
            has_passed
        })
    }

    #[test]
    fn silence_is_borne_for_the_credit_and_no_longer() {
        assert_eq!(given_up_after(pace(), 0), Some(10));
    }

    #[test]
    fn a_byte_a_second_wins_nearly_nothing_and_the_least_rate_is_enough() {
        assert_eq!(given_up_after(pace(), 1), Some(10));
        assert_eq!(given_up_after(pace(), 500), Some(19));
        assert_eq!(given_up_after(pace(), 1_000), None);
    }

    #[test]
    fn who_was_fast_at_first_has_no_more_credit_than_anybody() {
        let mut fast = pace();
        fast.moved(Instant::now(), 100_000_000);

        assert_eq!(given_up_after(fast, 0), Some(10));
    }

    #[test]
    fn our_own_pauses_are_not_the_client_s() {
        let (mut pace, start) = (pace(), Instant::now());
        pace.waits(start);
        pace.moved(start, 10);

        let much_later = start + 100 * SECOND;

        assert_eq!(pace.waits(much_later), much_later + 10 * SECOND);
    }
}
