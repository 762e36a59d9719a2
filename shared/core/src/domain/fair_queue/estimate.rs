//! When a waiting task should check again: soon after its ticket is called, and rarely before.

use super::order::{At, FairQueue, Ticket};
use crate::base::id::TenantId;

/// Assumed time for which a slot is held, until it has been measured. Too low costs extra checks,
/// too high leaves slots idle.
const HELD_GUESS_MS: u64 = 200;
const CHECK_MIN_MS: u64 = 50;
/// The longest time between two looks of a task: less than a called ticket is kept.
pub const CHECK_MAX_MS: u64 = 60_000;
/// The fraction of a slot's hold time that may be lost while a called task sleeps.
const LOST_PART: u64 = 8;
/// The fraction of the time since the last call to wait: a queue that does not move is checked less
/// often.
const STANDSTILL_PART: u64 = 8;

impl FairQueue {
    pub(super) fn check_after_ms(&self, tenant: &TenantId, ticket: Ticket, at: At) -> u64 {
        let standstill_ms = self
            .called_at
            .map_or(0, |called_at| at.now.since_ms(called_at));
        let (ahead, pace_ms) = (self.ahead_of(tenant, ticket), self.pace_ms(at));
        let due_ms = (ahead + 1)
            .saturating_mul(pace_ms)
            .saturating_sub(standstill_ms);
        let look_ms = match at.capacity.concurrency {
            // Slots that were taken together become free together.
            Some(most) if ahead < u64::from(most) => {
                due_ms.min(pace_ms.max(self.held_ms() / LOST_PART))
            }
            None if ahead < at.capacity.burst() => due_ms,
            // Others may leave the queue meanwhile.
            _ => due_ms / 2,
        };
        look_ms
            .max(standstill_ms / STANDSTILL_PART)
            .clamp(CHECK_MIN_MS, CHECK_MAX_MS)
    }

    /// Number of tasks, of all tenants, that will be called before this one.
    pub(super) fn ahead_of(&self, tenant: &TenantId, ticket: Ticket) -> u64 {
        let Some(own) = self.queues.get(tenant) else {
            return 0;
        };
        let ahead = own.ahead_of(ticket.number);
        let tag = own.tag.saturating_add(ahead.saturating_mul(own.service()));
        let others = self.queues.iter().filter(|(other, _)| *other != tenant);
        ahead
            + others
                .map(|(_, queue)| queue.calls_before(tag))
                .sum::<u64>()
    }

    /// Average time between two calls.
    pub(super) fn pace_ms(&self, At { capacity, .. }: At) -> u64 {
        let by_rate = capacity
            .per_minute
            .map_or(0, |rate| 60_000 / u64::from(rate.max(1)));
        by_rate.max(
            capacity
                .concurrency
                .map_or(0, |most| self.held_ms() / u64::from(most.max(1))),
        )
    }

    fn held_ms(&self) -> u64 {
        self.held_ms.unwrap_or(HELD_GUESS_MS)
    }
}
