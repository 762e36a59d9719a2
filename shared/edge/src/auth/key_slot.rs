//! The place of one key set in the cache, and what happened to it.

use std::sync::{Arc, Mutex, PoisonError};

use fluxgate_core::time::Timestamp;

use super::key_set::KeySet;

#[derive(Default)]
pub(super) struct Slot {
    /// Held only to copy or to change, never over an await.
    known: Mutex<Known>,
    /// Held by the one who fetches.
    pub(super) fetching: tokio::sync::Mutex<()>,
}

#[derive(Clone, Default)]
pub(super) struct Known {
    pub(super) loaded: Option<Loaded>,
    /// The last fetch that failed.
    pub(super) failed_at: Option<Timestamp>,
    /// The last fetch for the sake of an unknown key.
    pub(super) refetched_at: Option<Timestamp>,
}

#[derive(Clone)]
pub(super) struct Loaded {
    pub(super) set: Arc<KeySet>,
    pub(super) at: Timestamp,
}

impl Slot {
    pub(super) fn known(&self) -> Known {
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn loaded(&self, set: Arc<KeySet>, at: Timestamp) -> Arc<KeySet> {
        self.update(|known| {
            known.loaded = Some(Loaded {
                set: Arc::clone(&set),
                at,
            })
        });
        set
    }
}
