//! The jobs that this process has in progress, per tenant. Other processes are unknown: SQS's own
//! fair queues share between them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use fluxgate_core::id::TenantId;
use fluxgate_core::task::Lane;
use fluxgate_core::time::Timestamp;

/// Jobs of one tenant that one lane hands out at once, so that a tenant whose receiver never
/// answers does not use up a process that works for all.
const TENANT_IN_HAND_MAX: usize = 48;

/// Receipt handle → end of its lease.
type Hand = HashMap<String, Timestamp>;

#[derive(Default)]
pub(super) struct FairShares(Mutex<HashMap<(Lane, TenantId), Hand>>);

impl FairShares {
    /// Notes a lease until its end. False, and nothing is noted, when the tenant has its share.
    pub(super) fn take(
        &self,
        lane: Lane,
        tenant: &TenantId,
        handle: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> bool {
        let mut hands = self.lock();
        let hand = hands.entry((lane, tenant.clone())).or_default();
        hand.retain(|_, end| *end > now);
        if hand.len() >= TENANT_IN_HAND_MAX {
            return false;
        }
        hand.insert(handle.to_owned(), until);
        true
    }

    /// True while the lease is held, as far as this process knows.
    pub(super) fn holds(
        &self,
        lane: Lane,
        tenant: &TenantId,
        handle: &str,
        now: Timestamp,
    ) -> bool {
        let hands = self.lock();
        hands
            .get(&(lane, tenant.clone()))
            .and_then(|hand| hand.get(handle))
            .is_some_and(|end| *end > now)
    }

    pub(super) fn release(&self, lane: Lane, tenant: &TenantId, handle: &str) {
        let mut hands = self.lock();
        let key = (lane, tenant.clone());
        if let Some(hand) = hands.get_mut(&key) {
            hand.remove(handle);
            if hand.is_empty() {
                hands.remove(&key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Lane, TenantId), Hand>> {
        self.0
            .lock()
            .expect("no code panics while it holds the shares")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);
    const END: Timestamp = Timestamp(2_000);

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn full(shares: &FairShares) {
        for n in 0..TENANT_IN_HAND_MAX {
            assert!(shares.take(Lane::Notify, &tenant("many"), &n.to_string(), NOW, END));
        }
    }

    #[test]
    fn a_tenant_with_its_share_gets_no_more_and_others_do() {
        let shares = FairShares::default();
        full(&shares);

        assert!(!shares.take(Lane::Notify, &tenant("many"), "more", NOW, END));
        assert!(shares.take(Lane::Archive, &tenant("many"), "more", NOW, END));
        assert!(shares.take(Lane::Notify, &tenant("one"), "more", NOW, END));
    }

    #[test]
    fn what_is_settled_or_over_makes_room() {
        let shares = FairShares::default();
        full(&shares);

        shares.release(Lane::Notify, &tenant("many"), "0");

        assert!(!shares.holds(Lane::Notify, &tenant("many"), "0", NOW));
        assert!(shares.take(Lane::Notify, &tenant("many"), "next", NOW, END));
        assert!(!shares.take(Lane::Notify, &tenant("many"), "more", NOW, END));
        assert!(!shares.holds(Lane::Notify, &tenant("many"), "1", END));
        assert!(shares.take(Lane::Notify, &tenant("many"), "more", END, END.plus_ms(1)));
    }
}
