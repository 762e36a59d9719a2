//! The jobs of an endpoint that found no place: each sleeps until those before it had their turn.

use crate::base::time::Timestamp;

/// The longest that a job is put off for want of a place, however many are before it: a receiver
/// that was slow for a moment must not wait for its backlog long after.
pub(super) const PUT_OFF_MAX_MS: u64 = 20_000;
/// The same where nobody answers, or who answers wants so few a second: each look in vain is
/// a write, and thousands of them a minute would say nothing new.
pub(super) const PUT_OFF_LONG_MS: u64 = 300_000;

/// An endpoint that has become so many times as fast has no use for what was expected of it.
const FASTER: u64 = 4;

/// When the last of them comes back.
pub(super) struct PutOff {
    at: Timestamp,
    behind_us: u64,
    /// The most that two of them are apart.
    apart_us: u64,
}

impl Default for PutOff {
    fn default() -> Self {
        Self {
            at: Timestamp(0),
            behind_us: 0,
            apart_us: 0,
        }
    }
}

impl PutOff {
    /// Puts off one more, for this long.
    pub(super) fn one_more_ms(&mut self, apart_us: u64, max_ms: u64, now: Timestamp) -> u64 {
        let behind_ms = self.behind_ms(apart_us, max_ms, now);
        if behind_ms < max_ms {
            self.behind_us = self.behind_us.saturating_add(apart_us);
            self.apart_us = self.apart_us.max(apart_us);
        }
        behind_ms
    }

    /// How long one more would be put off.
    pub(super) fn behind_ms(&mut self, apart_us: u64, max_ms: u64, now: Timestamp) -> u64 {
        let passed_us = now.since_ms(self.at).saturating_mul(1_000);
        self.at = now;
        self.behind_us = self.behind_us.saturating_sub(passed_us);
        if self.behind_us == 0 || apart_us < self.apart_us / FASTER {
            self.forget();
        }
        (self.behind_us / 1_000).min(max_ms)
    }

    /// One of them comes before its time.
    pub(super) fn one_less(&mut self) {
        self.behind_us = self.behind_us.saturating_sub(self.apart_us);
    }

    pub(super) fn forget(&mut self) {
        (self.behind_us, self.apart_us) = (0, 0);
    }

    pub(super) fn is_nobody(&self, now: Timestamp) -> bool {
        now.since_ms(self.at).saturating_mul(1_000) >= self.behind_us
    }
}
