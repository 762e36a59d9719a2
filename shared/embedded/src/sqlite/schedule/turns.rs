//! Whose job is next in a lane. Whoever has the fewest jobs in hand goes first, and of those the
//! tenant that has used the least slot time; a few slots are kept for those whose jobs are quick.
//! So a tenant whose receivers never answer waits for its own slots, and nobody waits for them with
//! it.

use std::collections::{BTreeMap, HashMap};

use fluxgate_core::id::TenantId;
use fluxgate_core::time::Timestamp;

/// Due, and the receipt, which tells jobs apart that are due at the same time.
pub(super) type When = (Timestamp, u64);

/// One in so many slots of a lane is kept for tenants that have none in hand and whose last job was
/// quick: also in a lane full of tenants whose jobs are slow they are served at once.
const KEPT_OF: usize = 8;

/// A job that held its slot for no longer than this was quick.
const QUICK_MS: u64 = 2_000;

/// Below so many tenants nobody looks for those that can be forgotten.
const TENANTS_MIN: usize = 64;

/// Jobs in hand, slot time used, and who came first: least first.
type TurnKey = (usize, u64, u64);

/// Where a job's slot is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    Shared,
    Kept,
}

/// The slots of one pool.
struct Slots {
    max: usize,
    in_hand: usize,
}

impl Slots {
    fn new(max: usize) -> Self {
        Self { max, in_hand: 0 }
    }

    fn free(&self) -> usize {
        self.max.saturating_sub(self.in_hand)
    }
}

/// What one tenant has in the lane.
#[derive(Default)]
struct Share {
    in_hand: usize,
    /// Oldest due first.
    due: BTreeMap<When, String>,
    /// Milliseconds, on the lane's own clock.
    used_ms: u64,
    /// Its last job was.
    slow: bool,
    /// Where it stands in the order; `None` while nothing of it is due.
    place: Option<TurnKey>,
}

impl Share {
    fn is_idle(&self) -> bool {
        self.in_hand == 0 && self.due.is_empty()
    }

    /// Nothing of it would matter later.
    fn is_forgettable(&self, clock_ms: u64) -> bool {
        self.is_idle() && !self.slow && self.used_ms <= clock_ms
    }
}

/// The turns of one lane. Every step costs the logarithm of what waits; what is known of a tenant
/// without jobs is a few words.
///
/// Slot time is shared as in start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): a
/// tenant that was idle begins where the lane's clock stands, so that neither its rest nor its old
/// use counts.
pub(super) struct Turns {
    shared: Slots,
    kept: Slots,
    tenants: HashMap<TenantId, Share>,
    /// Tenants of which something is due.
    order: BTreeMap<TurnKey, TenantId>,
    /// Of those, the quick ones with none in hand.
    quick: BTreeMap<TurnKey, TenantId>,
    arrivals: u64,
    /// The slot time of whoever had a turn, at its most.
    clock_ms: u64,
    /// When so many tenants are known, those are looked for that can be forgotten.
    look_at: usize,
}

impl Turns {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            shared: Slots::new(slots - slots / KEPT_OF),
            kept: Slots::new(slots / KEPT_OF),
            tenants: HashMap::new(),
            order: BTreeMap::new(),
            quick: BTreeMap::new(),
            arrivals: 0,
            clock_ms: 0,
            look_at: TENANTS_MIN,
        }
    }

    /// A job is due.
    pub(super) fn add(&mut self, tenant: &TenantId, when: When, key: String) {
        self.forget();
        let clock_ms = self.clock_ms;
        let share = self.tenants.entry(tenant.clone()).or_default();
        if share.is_idle() {
            share.used_ms = share.used_ms.max(clock_ms);
        }
        share.due.insert(when, key);
        self.place(tenant);
    }

    /// A due job was taken back.
    pub(super) fn withdraw(&mut self, tenant: &TenantId, when: When) {
        if let Some(share) = self.tenants.get_mut(tenant) {
            share.due.remove(&when);
        }
        self.place(tenant);
    }

    /// The job whose turn it is, now in hand. `None`: nothing is due, or the slots that are free
    /// are not for those that wait.
    pub(super) fn next(&mut self) -> Option<(String, Pool)> {
        let (tenant, pool) = self
            .whose_turn()
            .map(|(tenant, pool)| (tenant.clone(), pool))?;
        let share = self.tenants.get_mut(&tenant)?;
        let (_, key) = share.due.pop_first()?;
        share.in_hand += 1;
        self.clock_ms = self.clock_ms.max(share.used_ms);
        self.slots(pool).in_hand += 1;
        self.place(&tenant);
        Some((key, pool))
    }

    /// A job is no longer in hand, after this long.
    pub(super) fn release(&mut self, tenant: &TenantId, pool: Pool, held_ms: u64) {
        if let Some(share) = self.tenants.get_mut(tenant) {
            share.in_hand = share.in_hand.saturating_sub(1);
            share.used_ms = share.used_ms.saturating_add(held_ms.max(1));
            share.slow = held_ms > QUICK_MS;
        }
        let slots = self.slots(pool);
        slots.in_hand = slots.in_hand.saturating_sub(1);
        self.place(tenant);
    }

    /// True when [`Self::next`] has one.
    pub(super) fn is_ready(&self) -> bool {
        self.whose_turn().is_some()
    }

    /// A tenant may have as many in hand as are free, so that shares shrink as tenants come: the
    /// first in order has the fewest, and when it may not, nobody may.
    fn whose_turn(&self) -> Option<(&TenantId, Pool)> {
        let ((in_hand, ..), first) = self.order.first_key_value()?;
        if *in_hand < self.shared.free() {
            return Some((first, Pool::Shared));
        }
        let (_, quick) = self
            .quick
            .first_key_value()
            .filter(|_| self.kept.free() > 0)?;
        Some((quick, Pool::Kept))
    }

    fn slots(&mut self, pool: Pool) -> &mut Slots {
        match pool {
            Pool::Shared => &mut self.shared,
            Pool::Kept => &mut self.kept,
        }
    }

    /// Puts a tenant where it now belongs. Who need not move keeps its place, however often jobs
    /// are added.
    fn place(&mut self, tenant: &TenantId) {
        let Some(share) = self.tenants.get_mut(tenant) else {
            return;
        };
        let waits = !share.due.is_empty();
        match share.place {
            Some((in_hand, used_ms, _))
                if waits && (in_hand, used_ms) == (share.in_hand, share.used_ms) =>
            {
                return;
            }
            Some(place) => {
                self.order.remove(&place);
                self.quick.remove(&place);
                share.place = None;
            }
            None => {}
        }
        if waits {
            self.arrivals += 1;
            let place = (share.in_hand, share.used_ms, self.arrivals);
            share.place = Some(place);
            self.order.insert(place, tenant.clone());
            if share.in_hand == 0 && !share.slow {
                self.quick.insert(place, tenant.clone());
            }
        } else if share.is_forgettable(self.clock_ms) {
            self.tenants.remove(tenant);
        }
    }

    /// An idle tenant's use is known until the lane's clock has passed it. Looking for those costs
    /// each tenant a step in all.
    fn forget(&mut self) {
        if self.tenants.len() < self.look_at {
            return;
        }
        let clock_ms = self.clock_ms;
        self.tenants
            .retain(|_, share| !share.is_forgettable(clock_ms));
        self.look_at = (self.tenants.len() * 2).max(TENANTS_MIN);
    }

    #[cfg(test)]
    pub(super) fn in_hand_of(&self, tenant: &TenantId) -> usize {
        self.tenants.get(tenant).map_or(0, |share| share.in_hand)
    }

    #[cfg(test)]
    pub(super) fn due_of(&self, tenant: &TenantId) -> usize {
        self.tenants.get(tenant).map_or(0, |share| share.due.len())
    }

    /// What memory is used for: due jobs and known tenants.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        (
            self.tenants.values().map(|share| share.due.len()).sum(),
            self.tenants.len(),
        )
    }
}
