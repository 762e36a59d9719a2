//! When tenants' batches were looked at.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::base::id::TenantId;
use crate::base::time::Timestamp;

/// How often one process looks at a tenant's batches: a read more at each sweep would be a third of
/// its price.
const BATCHES_EVERY_MS: u64 = 3_600_000;
/// Tenants whose last look is remembered.
const TENANTS_MAX: usize = 10_000;

/// When this process looked at tenants' batches.
#[derive(Default)]
pub(super) struct LookedAt(Mutex<HashMap<TenantId, Timestamp>>);

impl LookedAt {
    /// True if the next look is due, which this call is then.
    pub(super) fn note(&self, tenant: &TenantId, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = known.get(tenant)
            && now.since_ms(*last) < BATCHES_EVERY_MS
        {
            return false;
        }
        if known.len() >= TENANTS_MAX {
            known.clear();
        }
        known.insert(tenant.clone(), now);
        true
    }
}
