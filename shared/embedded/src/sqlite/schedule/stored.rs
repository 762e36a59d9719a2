//! Which tenants have jobs that are in no memory, and where to read on among their rows.

use std::collections::{BTreeSet, HashMap};

use fluxgate_core::id::TenantId;
use fluxgate_core::time::Timestamp;

/// A place among a tenant's rows in the order of their due times and keys.
pub(super) type Position = (Timestamp, String);

struct From {
    position: Position,
    /// Whether the tenant is in `order`. If not, its rows are being read, or it has enough in
    /// memory.
    listed: bool,
}

/// One entry for each tenant, however many rows it has.
#[derive(Default)]
pub(super) struct Stored {
    /// None of the tenant's rows before the position is in no memory.
    tenants: HashMap<TenantId, From>,
    /// Whose rows are to be read, by when the next of them may be due.
    order: BTreeSet<(Timestamp, TenantId)>,
}

impl Stored {
    /// A row of the tenant is there and not in memory.
    pub(super) fn add(&mut self, tenant: &TenantId, position: Position) {
        match self.tenants.get_mut(tenant) {
            Some(from) if from.position <= position => {}
            Some(from) => {
                if from.listed {
                    self.order.remove(&(from.position.0, tenant.clone()));
                    self.order.insert((position.0, tenant.clone()));
                }
                from.position = position;
            }
            None => {
                self.order.insert((position.0, tenant.clone()));
                let listed = true;
                self.tenants
                    .insert(tenant.clone(), From { position, listed });
            }
        }
    }

    /// The first tenant whose next row may be due, taken off the list.
    pub(super) fn unlist_first(&mut self, now: Timestamp) -> Option<(TenantId, Position)> {
        let first = self.order.first().filter(|(due, _)| *due <= now)?;
        let (due, tenant) = first.clone();
        self.order.remove(&(due, tenant.clone()));
        let from = self.tenants.get_mut(&tenant)?;
        from.listed = false;
        Some((tenant, from.position.clone()))
    }

    /// Puts the tenant on the list again, if any of its rows may be in no memory.
    pub(super) fn list(&mut self, tenant: &TenantId) {
        if let Some(from) = self.tenants.get_mut(tenant)
            && !from.listed
        {
            from.listed = true;
            self.order.insert((from.position.0, tenant.clone()));
        }
    }

    /// The tenant's rows from `from` up to `next` are in memory now; without `next`, all of them.
    pub(super) fn advance(&mut self, tenant: &TenantId, from: &Position, next: Option<Position>) {
        let Some(known) = self.tenants.get(tenant) else {
            return;
        };
        // A row before them came in the meantime.
        if known.position < *from {
            return;
        }
        self.order.remove(&(known.position.0, tenant.clone()));
        self.tenants.remove(tenant);
        if let Some(next) = next {
            self.add(tenant, next);
        }
        shrink(&mut self.tenants);
    }

    /// Whether the tenant has a row in no memory that may be due by then.
    pub(super) fn is_any_due(&self, tenant: &TenantId, by: Timestamp) -> bool {
        let of_tenant = self.tenants.get(tenant);
        of_tenant.is_some_and(|from| from.position.0 <= by)
    }

    pub(super) fn knows(&self, tenant: &TenantId) -> bool {
        self.tenants.contains_key(tenant)
    }

    /// When the next row on the list may be due.
    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.order.first().map(|(due, _)| *due)
    }

    #[cfg(test)]
    pub(super) fn tenants(&self) -> usize {
        self.tenants.len()
    }
}

/// Below this size a map stays as it is.
const SHRINK_MIN: usize = 1_024;

/// Gives back the memory of a map that a burst has filled. Costs an entry one step in total.
pub(super) fn shrink<K: Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>) {
    if map.capacity() > SHRINK_MIN && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}
