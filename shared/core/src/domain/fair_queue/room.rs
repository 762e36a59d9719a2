//! Whether the account has room for one more submit, and what the passage of time frees.

use super::capacity::{Capacity, Credit};
use super::order::{At, CALLED_MAX_MS, FairQueue, SLOT_PERIODS_MAX, slot_period};
use crate::base::time::Timestamp;

/// A clock that goes back by more than this was reset; by less, it is another machine's.
const SKEW_MAX_MS: u64 = 60_000;

/// The credit for one submit: at a rate of one per minute, one unit is earned per millisecond.
const SUBMIT: u64 = 60_000;

impl FairQueue {
    pub(super) fn has_room(&self, capacity: Capacity) -> bool {
        let has_credit = self.credit.is_none_or(|credit| credit.parts >= SUBMIT);
        has_credit
            && capacity
                .concurrency
                .is_none_or(|most| self.in_use() < u64::from(most))
    }

    /// Slots that are taken or reserved for called tickets.
    pub(super) fn in_use(&self) -> u64 {
        let taken: u64 = self.slots.values().copied().map(u64::from).sum();
        taken
            + self
                .queues
                .values()
                .map(|queue| queue.called.len() as u64)
                .sum::<u64>()
    }

    pub(super) fn spend(&mut self, capacity: Capacity) {
        if let Some(credit) = self
            .credit
            .as_mut()
            .filter(|_| capacity.per_minute.is_some())
        {
            credit.parts = credit.parts.saturating_sub(SUBMIT);
        }
    }

    /// Returns the credit of a submit that was not sent.
    pub(super) fn refund(&mut self, capacity: Capacity) {
        if let Some(credit) = &mut self.credit {
            credit.parts = (credit.parts + SUBMIT).min(capacity.burst() * SUBMIT);
        }
    }

    /// Applies the passage of time: adds credit, and frees slots whose tasks did not come or ended
    /// long ago. True if the clock was set back; that must be stored, or nothing would be earned
    /// until it catches up.
    pub(super) fn refresh(&mut self, At { now, capacity }: At) -> bool {
        let was_set_back = |at: Timestamp| at.since_ms(now) > SKEW_MAX_MS;
        let mut set_back = self.credit.is_some_and(|credit| was_set_back(credit.at));
        self.credit = capacity.per_minute.map(|rate| {
            let full = capacity.burst() * SUBMIT;
            let Some(Credit { parts, at }) = self.credit else {
                return Credit {
                    parts: full,
                    at: now,
                };
            };
            let earned = now.since_ms(at).saturating_mul(u64::from(rate));
            let at = if was_set_back(at) { now } else { at.max(now) };
            Credit {
                parts: parts.saturating_add(earned).min(full),
                at,
            }
        });
        for queue in self.queues.values_mut() {
            queue.called.retain(|_, at| {
                if was_set_back(*at) {
                    set_back = true;
                    *at = now;
                }
                now.since_ms(*at) < CALLED_MAX_MS
            });
        }
        let oldest = slot_period(now).saturating_sub(SLOT_PERIODS_MAX);
        self.slots.retain(|period, _| *period >= oldest);
        set_back
    }
}
