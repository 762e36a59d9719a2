//! Which tenants were seen to have a budget. Only a hint that saves them a hold that would be
//! refused: the table decides.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use fluxgate_core::id::TenantId;

/// Tenants that are remembered; then the set is cleared.
const TENANTS_MAX: usize = 10_000;

#[derive(Debug, Clone, Default)]
pub(super) struct Budgeted(Arc<Mutex<HashSet<TenantId>>>);

impl Budgeted {
    pub(super) fn has(&self, tenant: &TenantId) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(tenant)
    }

    pub(super) fn remember(&self, tenant: &TenantId, has_budget: bool) {
        let mut tenants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !has_budget {
            tenants.remove(tenant);
            return;
        }
        if tenants.len() >= TENANTS_MAX {
            tenants.clear();
        }
        tenants.insert(tenant.clone());
    }
}
