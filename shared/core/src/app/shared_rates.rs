//! Request rates that hold for several processes together: each takes tokens of a shared bucket for
//! a second at most, and spends them without asking. It knows nothing of requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::error::Error;
use crate::base::id::TenantId;
use crate::base::rate::{Rate, RateDecision, TokenBucket};
use crate::base::rate_lease::RateLease;
use crate::base::time::Timestamp;
use crate::port::{Clock, RateStore, TokenRequest, TokensTaken};

/// Tenants whose leases are remembered. What is forgotten is asked for again.
const TENANTS_MAX: usize = 10_000;
/// How long an empty bucket is not asked again: a refusal is cheap, however many there are.
const EMPTY_MS: u64 = 25;
/// How long a store that did not answer is not asked again.
const DOWN_MS: u64 = 1_000;

/// The shared rates, as one process sees them.
pub struct SharedRates {
    store: Arc<dyn RateStore>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tenants: HashMap<TenantId, Tenant>,
    /// Until when the store is not asked, because it did not answer.
    down_until: Option<Timestamp>,
}

struct Tenant {
    lease: RateLease,
    /// As it was when it was last asked.
    bucket: TokenBucket,
    /// Until when it is taken for empty.
    empty_until: Timestamp,
}

enum Step {
    Decided(RateDecision),
    Ask(TokenRequest),
    Down,
}

impl SharedRates {
    pub fn new(store: Arc<dyn RateStore>, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            state: Mutex::default(),
        }
    }

    /// Counts one request of the tenant. `None` if the store does not answer: then the caller
    /// decides by what it knows itself.
    pub async fn take(&self, tenant: &TenantId, rate: Rate) -> Option<RateDecision> {
        let now = self.clock.now();
        let wanted = match self.state().step(tenant, rate, now) {
            Step::Decided(decision) => return Some(decision),
            Step::Down => return None,
            Step::Ask(wanted) => wanted,
        };
        match self.store.take_tokens(tenant, wanted).await {
            Ok(taken) => Some(self.state().taken(tenant, wanted, taken)),
            Err(error) => {
                self.state().failed(&error, self.clock.now());
                None
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self, tenant: &TenantId, rate: Rate, now: Timestamp) -> Step {
        if let Some(known) = self.tenants.get_mut(tenant) {
            if known.lease.take(now) {
                return Step::Decided(known.standing(rate, now));
            }
            let pause_ms = known.empty_until.since_ms(now);
            if (1..=EMPTY_MS).contains(&pause_ms) {
                return Step::Decided(known.bucket.refusal(rate, now));
            }
        }
        let pause_ms = self.down_until.map_or(0, |until| until.since_ms(now));
        if (1..=DOWN_MS).contains(&pause_ms) {
            return Step::Down;
        }
        let known = self.tenants.get(tenant);
        Step::Ask(TokenRequest {
            rate,
            tokens: known.map_or(1, |known| known.lease.wants(rate, now)),
            now,
            seen: known.map(|known| known.bucket).unwrap_or_default(),
        })
    }

    fn taken(
        &mut self,
        tenant: &TenantId,
        wanted: TokenRequest,
        taken: TokensTaken,
    ) -> RateDecision {
        let TokenRequest { rate, now, .. } = wanted;
        if self.down_until.take().is_some() {
            tracing::info!("request rates hold for all processes together again");
        }
        self.make_room(now);
        let known = self.tenants.entry(tenant.clone()).or_insert(Tenant {
            lease: RateLease::none(now),
            bucket: TokenBucket::default(),
            empty_until: now,
        });
        known.bucket = taken.bucket;
        if taken.tokens == 0 {
            known.empty_until = now.plus_ms(EMPTY_MS);
            return known.bucket.refusal(rate, now);
        }
        known.lease.renew(taken.tokens, now);
        known.lease.take(now);
        known.standing(rate, now)
    }

    /// Logs the first failure of an outage.
    fn failed(&mut self, error: &Error, now: Timestamp) {
        if self.down_until.is_none() {
            tracing::warn!(
                error = error.with_causes(),
                "request rates hold for this process alone until the store answers again"
            );
        }
        self.down_until = Some(now.plus_ms(DOWN_MS));
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.tenants.len() < TENANTS_MAX {
            return;
        }
        self.tenants.retain(|_, known| known.lease.left(now) > 0);
        if self.tenants.len() >= TENANTS_MAX {
            self.tenants.clear();
        }
    }
}

impl Tenant {
    /// What the tenant is told after a token was taken: what is in the bucket, and what this
    /// process has in hand.
    fn standing(&self, rate: Rate, now: Timestamp) -> RateDecision {
        let shared = self.bucket.standing(rate, now);
        let remaining = shared.remaining.saturating_add(self.lease.left(now));
        RateDecision {
            remaining: remaining.min(rate.burst),
            ..shared
        }
    }
}
