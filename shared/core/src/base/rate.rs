//! Rate limiting with the generic cell rate algorithm: one number per bucket.

use crate::base::time::Timestamp;

/// An average rate per second, and a burst. Neither is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_second: u32,
    pub burst: u32,
}

impl Rate {
    fn interval_us(self) -> i64 {
        MICROS / i64::from(self.per_second.max(1))
    }

    /// What an empty bucket lacks.
    pub fn capacity_us(self) -> i64 {
        self.cost_us(self.burst.max(1))
    }

    /// The time in which so many tokens come.
    pub fn cost_us(self, tokens: u32) -> i64 {
        self.interval_us() * i64::from(tokens)
    }

    /// Time for an empty bucket to refill, in whole seconds.
    pub fn window_s(self) -> u64 {
        seconds(self.capacity_us())
    }
}

const MICROS: i64 = 1_000_000;

/// A bucket's level, stored as the moment at which it will be full again. A new bucket is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenBucket {
    /// In microseconds since 1970.
    pub full_at_us: i64,
}

/// The result of taking a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateDecision {
    /// `None` if allowed; otherwise the wait until a token is available, in milliseconds.
    pub refused_ms: Option<u64>,
    /// Tokens left.
    pub remaining: u32,
    /// Time until the bucket is full again, in whole seconds.
    pub reset_s: u64,
}

impl TokenBucket {
    /// Takes one token. A refusal takes none. If the clock jumps back, the bucket is empty at
    /// worst.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> RateDecision {
        *self = self.at(rate, now);
        if self.tokens(rate, now) == 0 {
            return self.refusal(rate, now);
        }
        *self = self.without(1, rate, now);
        self.standing(rate, now)
    }

    /// How many tokens there are.
    pub fn tokens(self, rate: Rate, now: Timestamp) -> u32 {
        self.standing(rate, now).remaining
    }

    /// With this many tokens taken, which there must be.
    #[must_use]
    pub fn without(self, tokens: u32, rate: Rate, now: Timestamp) -> Self {
        let full_at_us = self.at(rate, now).full_at_us + rate.cost_us(tokens);
        Self { full_at_us }
    }

    /// What there is to be said of it, with nothing taken.
    pub fn standing(self, rate: Rate, now: Timestamp) -> RateDecision {
        RateDecision::of(self.at(rate, now).full_at_us - micros(now), rate)
    }

    /// The same for a request that finds no token.
    pub fn refusal(self, rate: Rate, now: Timestamp) -> RateDecision {
        let full_at = self.at(rate, now).full_at_us;
        let excess = full_at + rate.interval_us() - micros(now) - rate.capacity_us();
        RateDecision {
            refused_ms: Some(excess.max(1).unsigned_abs().div_ceil(1_000)),
            ..self.standing(rate, now)
        }
    }

    /// Between full and empty: what a bucket says that was written by another clock, or for a
    /// larger burst.
    fn at(self, rate: Rate, now: Timestamp) -> Self {
        let now = micros(now);
        let empty = now.saturating_add(rate.capacity_us());
        Self {
            full_at_us: self.full_at_us.clamp(now, empty),
        }
    }
}

/// Microseconds since 1970.
pub fn micros(at: Timestamp) -> i64 {
    at.0.saturating_mul(1_000)
}

impl RateDecision {
    fn of(missing_us: i64, rate: Rate) -> Self {
        let left = (rate.capacity_us() - missing_us) / rate.interval_us();
        Self {
            refused_ms: None,
            remaining: u32::try_from(left).unwrap_or(0),
            reset_s: seconds(missing_us),
        }
    }
}

fn seconds(us: i64) -> u64 {
    us.unsigned_abs().div_ceil(MICROS.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        per_second: 10,
        burst: 5,
    };

    fn let_through(bucket: &mut TokenBucket, now_ms: impl IntoIterator<Item = i64>) -> usize {
        now_ms
            .into_iter()
            .filter(|now| bucket.take(RATE, Timestamp(*now)).refused_ms.is_none())
            .count()
    }

    #[test]
    fn a_burst_comes_at_once_and_then_the_rate() {
        let mut bucket = TokenBucket::default();

        assert_eq!(
            let_through(&mut bucket, std::iter::repeat_n(1_000_000, 20)),
            5
        );
        assert_eq!(
            let_through(&mut bucket, (1_000_001..=1_001_000).step_by(1)),
            10
        );
    }

    #[test]
    fn what_is_left_and_when_to_come_again_are_told() {
        let mut bucket = TokenBucket::default();

        assert_eq!(
            bucket.take(RATE, Timestamp(0)),
            RateDecision {
                refused_ms: None,
                remaining: 4,
                reset_s: 1
            }
        );
        let_through(&mut bucket, [0; 4]);
        let refused = bucket.take(RATE, Timestamp(30));
        assert_eq!(
            refused,
            RateDecision {
                refused_ms: Some(70),
                remaining: 0,
                reset_s: 1
            }
        );
        assert_eq!(bucket.take(RATE, Timestamp(100)).refused_ms, None);
    }

    #[test]
    fn a_clock_that_jumps_back_keeps_nobody_out_for_longer_than_an_empty_bucket_does() {
        let mut bucket = TokenBucket::default();
        bucket.take(RATE, Timestamp(1_000_000_000));

        assert!(bucket.take(RATE, Timestamp(0)).refused_ms.unwrap() <= 100);
        assert_eq!(let_through(&mut bucket, [100, 200, 300]), 3);
    }
}
