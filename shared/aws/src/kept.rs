//! A single-flight cache for values that are expensive to fetch: one fetch at a time for each, and
//! none for a while after one that failed.

use std::convert::Infallible;
use std::sync::Arc;

use fluxgate_core::port::Clock;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Fault, Result};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

/// Why a fetch failed, and what that means for what was kept.
#[derive(Debug, Clone)]
pub(crate) struct Failed {
    pub(crate) code: &'static str,
    /// Says what to do; holds no secret.
    pub(crate) message: String,
    /// For the log.
    pub(crate) cause: String,
    /// Nobody's answer: an older value may still serve. A refusal ends it.
    pub(crate) temporary: bool,
    pub(crate) fault: Fault,
    /// For how long everybody is told the same.
    pub(crate) pause_ms: u64,
}

impl Failed {
    pub(crate) fn error(&self) -> Error {
        Error::unavailable(self.code, &self.message)
            .fault(self.fault)
            .source(self.cause.as_str())
    }
}

/// Bounded: the values least asked for are forgotten.
pub(crate) struct Kept<V> {
    slots: Cache<String, Arc<Mutex<Slot<V>>>>,
    clock: Arc<dyn Clock>,
    /// Whether a value that is no longer fresh may still be used where no other is to be had.
    serves: fn(&V, Timestamp) -> bool,
}

struct Slot<V> {
    value: Option<V>,
    /// Until when nothing is fetched, and why.
    failed: Option<(Timestamp, Failed)>,
}

impl<V: Clone> Kept<V> {
    pub(crate) fn new(
        values_max: usize,
        clock: Arc<dyn Clock>,
        serves: fn(&V, Timestamp) -> bool,
    ) -> Self {
        Self {
            slots: Cache::new(values_max),
            clock,
            serves,
        }
    }

    /// The value of this name, fetched unless it is kept and `fresh`. Whoever asks meanwhile waits
    /// for the same fetch.
    pub(crate) async fn get(
        &self,
        name: &str,
        fresh: impl Fn(&V, Timestamp) -> bool,
        fetch: impl Future<Output = Result<V, Failed>>,
    ) -> Result<V> {
        let slot = self.slot(name);
        let mut slot = slot.lock().await;
        let now = self.clock.now();
        if let Some(value) = slot.value.as_ref().filter(|value| fresh(value, now)) {
            return Ok(value.clone());
        }
        if let Some((_, failed)) = slot.failed.as_ref().filter(|(until, _)| now < *until) {
            return self.despite(failed, &slot.value);
        }
        match fetch.await {
            Ok(value) => {
                *slot = Slot {
                    value: Some(value.clone()),
                    failed: None,
                };
                Ok(value)
            }
            Err(failed) => {
                let answer = self.despite(&failed, &slot.value);
                slot.failed = Some((self.clock.now().plus_ms(failed.pause_ms), failed));
                answer
            }
        }
    }

    fn slot(&self, name: &str) -> Arc<Mutex<Slot<V>>> {
        let empty = || {
            Ok::<_, Infallible>(Arc::new(Mutex::new(Slot {
                value: None,
                failed: None,
            })))
        };
        let Ok(slot) = self.slots.get_or_insert_with(name, empty);
        slot
    }

    fn despite(&self, failed: &Failed, value: &Option<V>) -> Result<V> {
        match value {
            Some(value) if failed.temporary && (self.serves)(value, self.clock.now()) => {
                Ok(value.clone())
            }
            _ => Err(failed.error()),
        }
    }
}
