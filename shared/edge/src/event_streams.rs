//! How many requests of a tenant wait for events in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use fluxgate_core::id::TenantId;
use fluxgate_core::{Error, Kind, Result, Retry};

/// When a refused client should come again.
const RETRY_MS: u64 = 5_000;

/// The requests that wait for events.
#[derive(Default)]
pub struct EventStreams {
    of_tenant_max: usize,
    under_way: Mutex<HashMap<TenantId, usize>>,
}

/// Given back when it is dropped.
pub(crate) struct Place {
    streams: Arc<EventStreams>,
    tenant: TenantId,
}

impl EventStreams {
    pub fn new(of_tenant_max: usize) -> Self {
        Self {
            of_tenant_max,
            under_way: Mutex::default(),
        }
    }

    /// Kind `Busy` with code `too_many_streams` when the tenant has as many as it may have.
    pub(crate) fn enter(self: &Arc<Self>, tenant: &TenantId) -> Result<Place> {
        let mut under_way = self.lock();
        let count = under_way.entry(tenant.clone()).or_default();
        if *count >= self.of_tenant_max {
            let text = format!("{count} requests wait for events already; end one of them first");
            let mut refused = Error::new(Kind::Busy, "too_many_streams", text);
            refused.retry = Retry::AfterMs(RETRY_MS);
            return Err(refused);
        }
        *count += 1;
        Ok(Place {
            streams: self.clone(),
            tenant: tenant.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.under_way
            .lock()
            .expect("no code panics while it counts the streams")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut under_way = self.streams.lock();
        if let Some(count) = under_way.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                under_way.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_so_many_streams_and_another_its_own() {
        let streams = Arc::new(EventStreams::new(2));
        let tenant = |id| TenantId::parse(id).expect("a valid id");
        let (acme, globex) = (tenant("acme"), tenant("globex"));

        let first = streams.enter(&acme).ok();
        let _second = streams.enter(&acme).ok();
        let refused = streams.enter(&acme).err().map(|error| error.code);

        assert_eq!(refused, Some("too_many_streams"));
        drop(streams.enter(&globex).ok());
        drop(first);
        assert!(streams.enter(&acme).is_ok());
        assert_eq!(streams.lock().len(), 1);
    }
}
