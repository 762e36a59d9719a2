//! Tokens of a shared bucket that one process took ahead of its requests, so that not each of them
//! asks. What it does not use lapses.

use crate::base::rate::Rate;
use crate::base::time::Timestamp;

/// How long tokens are good for: a process that goes quiet holds back no more than this long's.
pub const LEASE_MS: u64 = 1_000;

/// The tokens of one process, of one bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLease {
    tokens: u32,
    taken_at: Timestamp,
    /// Tokens used since then.
    used: u32,
}

impl RateLease {
    /// None yet.
    pub fn none(now: Timestamp) -> Self {
        Self {
            tokens: 0,
            taken_at: now,
            used: 0,
        }
    }

    /// Uses a token, unless there is none left that is still good.
    pub fn take(&mut self, now: Timestamp) -> bool {
        if self.tokens == 0 || self.has_lapsed(now) {
            return false;
        }
        self.tokens -= 1;
        self.used += 1;
        true
    }

    /// How many tokens to take next: as many as this process will need in the time that they are
    /// good for, judged by the last lease, and at most a quarter of what comes in that time, since
    /// others want some too.
    pub fn wants(&self, rate: Rate, now: Timestamp) -> u32 {
        let elapsed_ms = now.since_ms(self.taken_at);
        if elapsed_ms > 2 * LEASE_MS || now < self.taken_at {
            return 1;
        }
        let used = u64::from(self.used);
        let pace = (used * LEASE_MS / elapsed_ms.max(1)).min(2 * used);
        let most = (rate.per_second / 4).max(1).min(rate.burst.max(1));
        u32::try_from(pace).unwrap_or(u32::MAX).clamp(1, most)
    }

    /// Begins anew with these tokens.
    pub fn renew(&mut self, tokens: u32, now: Timestamp) {
        *self = Self {
            tokens,
            taken_at: now,
            used: 0,
        };
    }

    /// How many tokens are left.
    pub fn left(&self, now: Timestamp) -> u32 {
        if self.has_lapsed(now) { 0 } else { self.tokens }
    }

    /// Also if the clock went back.
    pub fn has_lapsed(&self, now: Timestamp) -> bool {
        now < self.taken_at || now.since_ms(self.taken_at) >= LEASE_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rate::TokenBucket;

    const RATE: Rate = Rate {
        per_second: 40,
        burst: 60,
    };

    /// Processes that share a bucket, and what they asked of it.
    struct Processes {
        bucket: TokenBucket,
        leases: Vec<RateLease>,
        asked: usize,
    }

    impl Processes {
        fn new(count: usize) -> Self {
            Self {
                bucket: TokenBucket::default(),
                leases: vec![RateLease::none(Timestamp(0)); count],
                asked: 0,
            }
        }

        /// True for a request that is let through.
        fn request(&mut self, process: usize, now: Timestamp) -> bool {
            let lease = &mut self.leases[process];
            if lease.take(now) {
                return true;
            }
            self.asked += 1;
            let there = self.bucket.tokens(RATE, now);
            let tokens = lease.wants(RATE, now).min(there);
            if tokens == 0 {
                return false;
            }
            self.bucket = self.bucket.without(tokens, RATE, now);
            lease.renew(tokens, now);
            lease.take(now)
        }
    }

    #[test]
    fn however_many_processes_there_are_no_more_than_the_rate_and_its_burst_pass() {
        for count in [1, 2, 3, 10, 100] {
            let mut processes = Processes::new(count);
            let (mut passed, seconds) = (0, 20);

            for ms in 0..seconds * 1_000 {
                let now = Timestamp(1_000_000 + ms);
                passed += usize::from(processes.request(ms as usize % count, now));
            }

            let most = RATE.burst as usize + RATE.per_second as usize * seconds as usize;
            assert!(passed <= most, "{count}: {passed} of {most}");
            assert!(passed * 10 >= most * 8, "{count}: only {passed} of {most}");
        }
    }

    #[test]
    fn a_busy_process_asks_for_a_fraction_of_its_requests() {
        let mut processes = Processes::new(1);

        let passed = (0..10_000_i64)
            .step_by(26)
            .filter(|ms| processes.request(0, Timestamp(1_000_000 + ms)))
            .count();

        assert_eq!(passed, 385, "it stays within its rate");
        assert!(processes.asked * 8 < passed, "asked {}", processes.asked);
    }

    #[test]
    fn a_process_that_asks_now_and_then_holds_nothing_back() {
        let mut lease = RateLease::none(Timestamp(0));
        for second in 1..10 {
            let now = Timestamp(second * 5_000);
            assert!(!lease.take(now));
            assert_eq!(lease.wants(RATE, now), 1);
            lease.renew(1, now);
            assert!(lease.take(now));
            assert_eq!(lease.left(now), 0);
        }
    }

    #[test]
    fn what_is_not_used_lapses_and_a_clock_that_goes_back_ends_a_lease() {
        let mut lease = RateLease::none(Timestamp(0));
        lease.renew(10, Timestamp(5_000));

        assert!(lease.take(Timestamp(5_999)));
        assert_eq!(lease.left(Timestamp(5_999)), 9);
        assert!(!lease.take(Timestamp(6_000)));
        assert!(!lease.take(Timestamp(4_000)));
        assert_eq!(lease.wants(RATE, Timestamp(4_000)), 1);
    }
}
