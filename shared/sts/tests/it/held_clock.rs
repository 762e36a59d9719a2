//! A clock that the test holds.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate_core::port::Clock;
use fluxgate_core::time::Timestamp;

#[derive(Clone)]
pub(crate) struct HeldClock(Arc<AtomicI64>);

impl HeldClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(1_790_000_000_000)))
    }

    pub(crate) fn pass_s(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::Relaxed);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::Relaxed))
    }
}
