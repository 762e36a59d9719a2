//! Tenants' records, remembered for a moment: one request, or one batch of messages, asks for the
//! same one several times. What this process writes is forgotten at once; what another writes may
//! be missed for as long as an eventually consistent read may miss it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fluxgate_core::id::TenantId;
use fluxgate_core::port::{Clock as _, SystemClock};
use fluxgate_core::tenant::Tenant;
use fluxgate_core::{Error, Result};
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};

const REMEMBERED_MS: u64 = 100;
const REMEMBERED_MAX: usize = 1_000;

pub(super) struct RecentTenants {
    known: SingleFlight<(TenantId, u64), Tenant>,
    /// Writes of tenants so far. A record that was read before the last one is not found again.
    writes: AtomicU64,
}

impl Default for RecentTenants {
    fn default() -> Self {
        Self {
            known: SingleFlight::new(REMEMBERED_MAX, Arc::new(SystemClock)),
            writes: AtomicU64::new(0),
        }
    }
}

impl RecentTenants {
    /// The record, read unless it was a moment ago. An error is nobody else's.
    pub(super) async fn get(
        &self,
        id: &TenantId,
        read: impl Future<Output = Result<Tenant>>,
    ) -> Result<Tenant> {
        let key = (id.clone(), self.writes.load(Ordering::Acquire));
        let fetch = async {
            let until = SystemClock.now().plus_ms(REMEMBERED_MS);
            let fetched = |value| Fetched {
                value,
                fresh_until: until,
                serves_until: until,
            };
            read.await.map(fetched).map_err(failed)
        };
        self.known.get(&key, fetch).await
    }

    pub(super) fn forget(&self) {
        self.writes.fetch_add(1, Ordering::Release);
    }
}

fn failed(error: Error) -> Failed {
    Failed {
        error,
        temporary: false,
        pause_ms: 0,
    }
}
