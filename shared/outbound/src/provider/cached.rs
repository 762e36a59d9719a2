//! A value asked for seldom and used often: kept for a while, refreshed by one caller at a time,
//! outdated rather than missing.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use fluxgate_core::Result;
use tokio::sync::Mutex;

use super::unavailable;

/// After a failed refresh nobody asks again for this long: callers in a queue must not each wait
/// for their own time-out.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Cached<T> {
    ttl: Duration,
    slot: RwLock<Slot<T>>,
    refreshing: Mutex<()>,
}

struct Slot<T> {
    value: Option<T>,
    /// Until then the slot is answered from as it is.
    settled_until: Option<Instant>,
}

impl<T: Clone> Cached<T> {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            slot: RwLock::new(Slot {
                value: None,
                settled_until: None,
            }),
            refreshing: Mutex::new(()),
        }
    }

    /// The value, loaded when there is none or it is too old. Fails only when there is none at all.
    pub(super) async fn get(&self, load: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        if let Some(answer) = self.settled() {
            return answer;
        }
        // Whoever has an outdated value uses it instead of waiting for another caller's refresh.
        let _turn = match (self.refreshing.try_lock(), self.kept()) {
            (Ok(turn), _) => turn,
            (Err(_), Some(outdated)) => return Ok(outdated),
            (Err(_), None) => self.refreshing.lock().await,
        };
        match self.settled() {
            Some(answer) => answer,
            None => self.refresh(load).await,
        }
    }

    async fn refresh(&self, load: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        match load().await {
            Ok(value) => {
                self.settle(Some(value.clone()), self.ttl);
                Ok(value)
            }
            Err(error) => {
                let kept = self.kept();
                self.settle(kept.clone(), PAUSE);
                let Some(outdated) = kept else {
                    return Err(error);
                };
                tracing::warn!(%error, "could not refresh from the provider; going on with what is known");
                Ok(outdated)
            }
        }
    }

    fn settled(&self) -> Option<Result<T>> {
        let slot = self.slot.read().unwrap_or_else(PoisonError::into_inner);
        slot.settled_until.filter(|until| Instant::now() < *until)?;
        let failed = || {
            unavailable(
                "provider_unavailable",
                "failed to answer just now; try again in a moment",
            )
        };
        Some(slot.value.clone().ok_or_else(failed))
    }

    fn kept(&self) -> Option<T> {
        self.slot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .value
            .clone()
    }

    fn settle(&self, value: Option<T>, how_long: Duration) {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        *slot = Slot {
            value,
            settled_until: Some(Instant::now() + how_long),
        };
    }
}
