//! The trusts of issuers as this process read them last. The item that counts an issuer's changes
//! says whether they are still the same, so that a token costs one small read, whatever the number
//! of the issuer's tenants.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fluxgate_core::tenant::TrustIndex;

/// Issuers with trusts in memory. One more replaces all of them.
const ISSUERS_MAX: usize = 64;

#[derive(Clone, Default)]
pub(super) struct TrustSnapshots(Arc<Mutex<HashMap<String, Snapshot>>>);

struct Snapshot {
    changes: u64,
    trusts: Arc<TrustIndex>,
}

impl TrustSnapshots {
    /// The trusts after so many changes, if they are known.
    pub(super) fn get(&self, issuer: &str, changes: u64) -> Option<Arc<TrustIndex>> {
        let known = self.lock();
        let known = known.get(issuer).filter(|known| known.changes == changes)?;
        Some(Arc::clone(&known.trusts))
    }

    pub(super) fn insert(&self, issuer: &str, changes: u64, trusts: Arc<TrustIndex>) {
        let mut known = self.lock();
        if known.len() >= ISSUERS_MAX && !known.contains_key(issuer) {
            known.clear();
        }
        known.insert(issuer.to_owned(), Snapshot { changes, trusts });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Snapshot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
