//! A clock that the test holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate_core::port::{Clock, SystemClock};
use fluxgate_core::time::Timestamp;

/// Moves only when the test moves it. Clones share the time.
#[derive(Clone)]
pub struct HeldClock(Arc<AtomicI64>);

impl HeldClock {
    /// It is now.
    pub fn now() -> Self {
        Self(Arc::new(AtomicI64::new(SystemClock.now().0)))
    }

    pub fn pass_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}
