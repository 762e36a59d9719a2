//! The keys that inputs, callback URLs and the lines of batches are sealed with: a tenant's, by
//! month.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::TenantId;
use crate::base::seal::{DataKey, DataKeys};
use crate::base::time::Timestamp;
use crate::domain::money::Month;

/// They lie apart from everything that is backed up, so that a key that is removed is gone for
/// good, and with it what it sealed, in every backup.
#[async_trait]
pub trait InputKeyStore: Send + Sync {
    /// The keys of a month; none before the first one is added, and when they were removed. What
    /// another process changed may be missed for [`RecentInputKeys::LATE_MS`].
    async fn input_keys(&self, tenant: &TenantId, month: Month) -> Result<Arc<DataKeys>>;

    /// The same as they are now.
    async fn input_keys_now(&self, tenant: &TenantId, month: Month) -> Result<Arc<DataKeys>>;

    /// Adds a key to those that are known; durable when it returns. If others are there by now,
    /// nothing is written. Returns those that are there then.
    async fn add_input_key(
        &self,
        tenant: &TenantId,
        month: Month,
        known: &DataKeys,
        key: DataKey,
    ) -> Result<Arc<DataKeys>>;

    /// The months that the tenant has keys of, oldest first.
    async fn input_key_months(&self, tenant: &TenantId) -> Result<Vec<Month>>;

    /// Removes the keys of a month that were made before this moment, for good.
    async fn remove_input_keys(
        &self,
        tenant: &TenantId,
        month: Month,
        before: Timestamp,
    ) -> Result<()>;

    /// For how long after a key was added another process may still seal with the one before.
    fn input_keys_settle_ms(&self) -> u64;
}

/// Keys that a process read a moment ago: a task's are asked for several times. Beside its port,
/// because every adapter would write these lines again.
#[derive(Default)]
pub struct RecentInputKeys(Mutex<HashMap<(TenantId, Month), Recent>>);

struct Recent {
    keys: Arc<DataKeys>,
    read_at: Timestamp,
}

impl RecentInputKeys {
    pub const LATE_MS: u64 = 5_000;
    /// One more replaces all of them.
    const MONTHS_MAX: usize = 10_000;

    /// `None` unless they were read within [`Self::LATE_MS`]. A clock that was set back makes them
    /// old, too.
    pub fn get(&self, tenant: &TenantId, month: Month, now: Timestamp) -> Option<Arc<DataKeys>> {
        let known = self.lock();
        let recent = known.get(&(tenant.clone(), month))?;
        let is_young = recent.read_at <= now && now.since_ms(recent.read_at) < Self::LATE_MS;
        is_young.then(|| recent.keys.clone())
    }

    /// Remembers them, as of before they were asked for; that there are none is not remembered.
    pub fn put(&self, tenant: &TenantId, month: Month, keys: &Arc<DataKeys>, read_at: Timestamp) {
        let (mut known, at) = (self.lock(), (tenant.clone(), month));
        if keys.is_empty() {
            known.remove(&at);
            return;
        }
        if known.len() >= Self::MONTHS_MAX && !known.contains_key(&at) {
            known.clear();
        }
        let keys = keys.clone();
        known.insert(at, Recent { keys, read_at });
    }

    pub fn forget(&self, tenant: &TenantId, month: Month) {
        self.lock().remove(&(tenant.clone(), month));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantId, Month), Recent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for RecentInputKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecentInputKeys(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_for_a_moment_and_their_absence_is_not() {
        let (recent, acme) = (RecentInputKeys::default(), "acme".parse().unwrap());
        let month: Month = "2026-11".parse().unwrap();
        let key = DataKey::new([1; DataKey::RANDOM_BYTES], Timestamp(0));
        let keys = Arc::new(DataKeys::default().with(key));

        recent.put(&acme, month, &keys, Timestamp(10_000));

        assert!(recent.get(&acme, month, Timestamp(14_999)).is_some());
        assert!(recent.get(&acme, month, Timestamp(15_000)).is_none());
        assert!(recent.get(&acme, month, Timestamp(9_999)).is_none());
        assert!(recent.get(&acme, month.next(), Timestamp(10_000)).is_none());
        recent.put(&acme, month, &Arc::default(), Timestamp(10_001));
        assert!(recent.get(&acme, month, Timestamp(10_001)).is_none());
    }
}
