//! When API keys were last used, to the hour: a process writes it once an hour for each key, and no
//! request waits for it.

use std::sync::Arc;

use fluxgate_core::app::Trusts;
use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::time::Timestamp;
use quick_cache::sync::Cache;

const HOUR_MS: i64 = 3_600_000;

pub(super) struct KeyUses {
    trusts: Arc<Trusts>,
    /// The hours that this process wrote.
    written: Cache<KeyId, Timestamp>,
}

impl KeyUses {
    pub(super) fn new(trusts: Arc<Trusts>, keys_max: usize) -> Self {
        Self {
            trusts,
            written: Cache::new(keys_max),
        }
    }

    pub(super) fn note(&self, tenant: &TenantId, id: &KeyId, now: Timestamp) {
        let hour = Timestamp(now.0 - now.0.rem_euclid(HOUR_MS));
        if self.written.get(id).is_some_and(|written| written >= hour) {
            return;
        }
        self.written.insert(id.clone(), hour);
        let (trusts, tenant, id) = (self.trusts.clone(), tenant.clone(), id.clone());
        tokio::spawn(async move {
            if let Err(error) = trusts.note_key_use(&tenant, &id, hour).await {
                let error = error.with_causes();
                tracing::warn!(tenant.id = %tenant, key.id = %id, error, "the time of an API key's last use is not recorded");
            }
        });
    }
}
