//! How many names may be looked up at once. A tenant that names many hosts that never answer only
//! delays itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Purpose;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In total: a look-up holds several sockets while its servers are silent.
const LOOKUPS_MAX: usize = 64;
/// For one tenant and one purpose.
const OF_TENANT_MAX: usize = 4;
/// For a purpose that involves no tenant.
const OF_NO_TENANT_MAX: usize = 16;
/// Number of askers to remember before idle ones are evicted.
const ASKERS_KEPT: usize = 64;

/// Whose allowance a look-up uses. Purposes are counted separately: a tenant whose callbacks lead
/// nowhere can still be authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    pub(crate) purpose: Purpose,
    /// `None` if the provider names the host.
    pub(crate) tenant: Option<TenantId>,
}

pub(super) struct Allowances {
    all: Arc<Semaphore>,
    by_asker: Mutex<HashMap<Asker, Weak<Semaphore>>>,
}

/// Allows one look-up while it is held.
pub(super) struct Permit {
    _own: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Allowances {
    fn default() -> Self {
        Self {
            all: Arc::new(Semaphore::new(LOOKUPS_MAX)),
            by_asker: Mutex::default(),
        }
    }
}

impl Allowances {
    /// Waits for the asker's own look-ups first, so that it is never in the shared queue more often
    /// than its allowance.
    pub(super) async fn take(&self, asker: &Asker) -> Permit {
        const OPEN: &str = "the semaphores are never closed";
        let own = self.of(asker).acquire_owned().await.expect(OPEN);
        let all = Arc::clone(&self.all).acquire_owned().await.expect(OPEN);
        Permit {
            _own: own,
            _all: all,
        }
    }

    fn of(&self, asker: &Asker) -> Arc<Semaphore> {
        let mut by_asker = self.by_asker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = by_asker.get(asker).and_then(Weak::upgrade) {
            return own;
        }
        if by_asker.len() >= ASKERS_KEPT {
            by_asker.retain(|_, own| own.strong_count() > 0);
        }
        let own = Arc::new(Semaphore::new(if asker.tenant.is_some() {
            OF_TENANT_MAX
        } else {
            OF_NO_TENANT_MAX
        }));
        by_asker.insert(asker.clone(), Arc::downgrade(&own));
        own
    }
}
