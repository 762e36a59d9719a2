//! The jobs of an endpoint whose breaker is open: a few come when it opens, and the rest later.

use super::put_off::{PUT_OFF_LONG_MS, PutOff};
use crate::base::time::Timestamp;

/// So many come when it opens; one of them makes the attempt that it lets pass.
const FIRST: u32 = 2;
/// The time between those that come after them where nobody calls them.
const APART_US: u64 = 50_000;
/// How long after the opening the first are awaited. Then another that comes is a first one.
const AWAITED_MS: u64 = 60_000;

#[derive(Default)]
pub(super) struct Opening {
    /// `None` before any breaker was open.
    at: Option<Timestamp>,
    first: u32,
    put_off: PutOff,
}

impl Opening {
    /// For how long one more sleeps; `None` for one of the first, which come at the opening.
    pub(super) fn one_more_ms(&mut self, at: Timestamp, now: Timestamp) -> Option<u64> {
        if self.at != Some(at) {
            (self.at, self.first) = (Some(at), 0);
        }
        if self.first < FIRST {
            self.first += 1;
            return None;
        }
        let behind_ms = self.put_off.one_more_ms(APART_US, PUT_OFF_LONG_MS, now);
        Some((at.since_ms(now) + behind_ms).min(PUT_OFF_LONG_MS))
    }

    /// Whether one of the first is to come.
    pub(super) fn is_awaited(&self, now: Timestamp) -> bool {
        self.at.is_some_and(|at| at.plus_ms(AWAITED_MS) > now)
    }
}
