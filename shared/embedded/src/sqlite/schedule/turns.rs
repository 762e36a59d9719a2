//! Whose job is next in a lane: the tenant with the fewest jobs in progress, and among those the
//! one that has used the least slot time. A few slots are reserved for tenants whose jobs are
//! quick. So a tenant whose receivers never answer waits for its own slots, and no other tenant
//! waits with it.

use std::collections::{BTreeMap, HashMap};

use fluxgate_core::id::TenantId;
use fluxgate_core::time::Timestamp;

use super::lane::Key;
use super::stored::shrink;

/// The due time and the receipt, which distinguishes jobs that are due at the same time.
pub(super) type When = (Timestamp, u64);

/// One in so many slots of a lane is kept for tenants that have none in hand and whose last job was
/// quick: also in a lane full of tenants whose jobs are slow they are served at once.
const RESERVED_OF: usize = 8;

/// A job that held its slot for at most this long was quick.
const QUICK_MS: u64 = 2_000;

/// Below this many tenants, none are evicted.
const TENANTS_MIN: usize = 64;

/// Jobs in progress, slot time used, and arrival order: lowest first.
type TurnKey = (usize, u64, u64);

/// Which pool a job's slot belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pool {
    Shared,
    Reserved,
}

/// The slots of one pool.
struct Room {
    max: usize,
    in_hand: usize,
}

impl Room {
    fn new(max: usize) -> Self {
        Self { max, in_hand: 0 }
    }

    fn free(&self) -> usize {
        self.max.saturating_sub(self.in_hand)
    }
}

/// One tenant's share of the lane.
#[derive(Default)]
struct FairShare {
    in_hand: usize,
    /// Oldest due first.
    due: BTreeMap<When, Key>,
    /// Slot time used, in milliseconds on the lane's own clock.
    used_ms: u64,
    /// Whether its last job was quick.
    slow: bool,
    /// Its position in the order; `None` while none of its jobs is due.
    place: Option<TurnKey>,
}

impl FairShare {
    fn is_idle(&self) -> bool {
        self.in_hand == 0 && self.due.is_empty()
    }

    /// True if its state no longer matters.
    fn is_forgettable(&self, clock_ms: u64) -> bool {
        self.is_idle() && !self.slow && self.used_ms <= clock_ms
    }
}

/// The turns of one lane. Every step takes logarithmic time in the number of waiting jobs; a tenant
/// without jobs takes a few words of memory.
///
/// Slot time is shared as in start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996): a
/// tenant that was idle starts at the lane's clock, so neither its idle time nor its earlier use
/// counts.
pub(super) struct Turns {
    shared: Room,
    reserved: Room,
    tenants: HashMap<TenantId, FairShare>,
    /// Tenants of which something is due.
    order: BTreeMap<TurnKey, TenantId>,
    /// Among those, the quick tenants with no job in progress.
    quick: BTreeMap<TurnKey, TenantId>,
    /// How many jobs are due.
    due: usize,
    arrivals: u64,
    /// The highest slot time of any tenant that has had a turn.
    clock_ms: u64,
    /// The number of known tenants at which forgettable ones are evicted.
    look_at: usize,
}

impl Turns {
    pub(super) fn new(slots: usize) -> Self {
        Self {
            shared: Room::new(slots - slots / RESERVED_OF),
            reserved: Room::new(slots / RESERVED_OF),
            tenants: HashMap::new(),
            order: BTreeMap::new(),
            quick: BTreeMap::new(),
            due: 0,
            arrivals: 0,
            clock_ms: 0,
            look_at: TENANTS_MIN,
        }
    }

    /// Adds a due job.
    pub(super) fn add(&mut self, tenant: &TenantId, when: When, key: Key) {
        self.forget();
        let clock_ms = self.clock_ms;
        let fair_share = self.tenants.entry(tenant.clone()).or_default();
        if fair_share.is_idle() {
            fair_share.used_ms = fair_share.used_ms.max(clock_ms);
        }
        fair_share.due.insert(when, key);
        self.due += 1;
        self.place(tenant);
    }

    /// Removes a due job.
    pub(super) fn withdraw(&mut self, tenant: &TenantId, when: When) {
        if let Some(fair_share) = self.tenants.get_mut(tenant)
            && fair_share.due.remove(&when).is_some()
        {
            self.due -= 1;
        }
        self.place(tenant);
    }

    /// The job whose turn it is, now in progress. `None`: nothing is due, or no waiting tenant may
    /// use the free slots.
    pub(super) fn next(&mut self) -> Option<(Key, Pool)> {
        let (tenant, pool) = self
            .whose_turn()
            .map(|(tenant, pool)| (tenant.clone(), pool))?;
        let fair_share = self.tenants.get_mut(&tenant)?;
        let (_, key) = fair_share.due.pop_first()?;
        self.due -= 1;
        fair_share.in_hand += 1;
        self.clock_ms = self.clock_ms.max(fair_share.used_ms);
        self.slots(pool).in_hand += 1;
        self.place(&tenant);
        Some((key, pool))
    }

    /// Releases a slot that a job held for `held_ms`.
    pub(super) fn release(&mut self, tenant: &TenantId, pool: Pool, held_ms: u64) {
        if let Some(fair_share) = self.tenants.get_mut(tenant) {
            fair_share.in_hand = fair_share.in_hand.saturating_sub(1);
            fair_share.used_ms = fair_share.used_ms.saturating_add(held_ms.max(1));
            fair_share.slow = held_ms > QUICK_MS;
        }
        let slots = self.slots(pool);
        slots.in_hand = slots.in_hand.saturating_sub(1);
        self.place(tenant);
    }

    /// True if [`Self::next`] would return a job.
    pub(super) fn is_ready(&self) -> bool {
        self.whose_turn().is_some()
    }

    /// A tenant may have as many jobs in progress as there are free slots, so that shares shrink as
    /// tenants arrive. The first tenant in order has the fewest; if it may not take a slot, no
    /// tenant may.
    fn whose_turn(&self) -> Option<(&TenantId, Pool)> {
        let ((in_hand, ..), first) = self.order.first_key_value()?;
        if *in_hand < self.shared.free() {
            return Some((first, Pool::Shared));
        }
        let (_, quick) = self
            .quick
            .first_key_value()
            .filter(|_| self.reserved.free() > 0)?;
        Some((quick, Pool::Reserved))
    }

    fn slots(&mut self, pool: Pool) -> &mut Room {
        match pool {
            Pool::Shared => &mut self.shared,
            Pool::Reserved => &mut self.reserved,
        }
    }

    /// Moves a tenant to its current position. A tenant that need not move keeps its place, however
    /// often jobs are added.
    fn place(&mut self, tenant: &TenantId) {
        let Some(fair_share) = self.tenants.get_mut(tenant) else {
            return;
        };
        let waits = !fair_share.due.is_empty();
        match fair_share.place {
            Some((in_hand, used_ms, _))
                if waits && (in_hand, used_ms) == (fair_share.in_hand, fair_share.used_ms) =>
            {
                return;
            }
            Some(place) => {
                self.order.remove(&place);
                self.quick.remove(&place);
                fair_share.place = None;
            }
            None => {}
        }
        if waits {
            self.arrivals += 1;
            let place = (fair_share.in_hand, fair_share.used_ms, self.arrivals);
            fair_share.place = Some(place);
            self.order.insert(place, tenant.clone());
            if fair_share.in_hand == 0 && !fair_share.slow {
                self.quick.insert(place, tenant.clone());
            }
        } else if fair_share.is_forgettable(self.clock_ms) {
            self.tenants.remove(tenant);
        }
    }

    /// An idle tenant's use is kept until the lane's clock has passed it. Eviction costs each
    /// tenant one step in total.
    fn forget(&mut self) {
        if self.tenants.len() < self.look_at {
            return;
        }
        let clock_ms = self.clock_ms;
        self.tenants
            .retain(|_, fair_share| !fair_share.is_forgettable(clock_ms));
        shrink(&mut self.tenants);
        self.look_at = (self.tenants.len() * 2).max(TENANTS_MIN);
    }

    #[cfg(test)]
    pub(super) fn in_hand_of(&self, tenant: &TenantId) -> usize {
        self.tenants
            .get(tenant)
            .map_or(0, |fair_share| fair_share.in_hand)
    }

    /// How many jobs of the tenant are due.
    pub(super) fn due_of(&self, tenant: &TenantId) -> usize {
        self.tenants
            .get(tenant)
            .map_or(0, |fair_share| fair_share.due.len())
    }

    /// How many jobs are due.
    pub(super) fn due(&self) -> usize {
        self.due
    }

    /// For tests of memory use.
    #[cfg(test)]
    pub(super) fn tenants(&self) -> usize {
        self.tenants.len()
    }
}
