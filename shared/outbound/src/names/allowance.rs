//! How many names may be looked up at once. Whoever names many that never answer waits for itself,
//! and for nobody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use fluxgate_core::id::TenantId;
use fluxgate_core::port::Purpose;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// In all: a look-up holds several sockets while its servers are silent.
const LOOKUPS_MAX: usize = 64;
/// Of one tenant for one purpose.
const OF_TENANT_MAX: usize = 4;
/// For a purpose in which no tenant has a say.
const OF_NO_TENANT_MAX: usize = 16;
/// Askers that are remembered before those who ask nothing any more are forgotten.
const ASKERS_KEPT: usize = 64;

/// At whose expense a name is looked up. Purposes count apart: a tenant whose callbacks lead
/// nowhere can still be recognised.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    pub(crate) purpose: Purpose,
    /// None where the provider names the host.
    pub(crate) tenant: Option<TenantId>,
}

pub(super) struct Allowances {
    all: Arc<Semaphore>,
    by_asker: Mutex<HashMap<Asker, Weak<Semaphore>>>,
}

/// One name may be looked up while it lives.
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
    /// Waits for the asker's own look-ups first, so that it never stands in the common queue more
    /// often than it may ask.
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
