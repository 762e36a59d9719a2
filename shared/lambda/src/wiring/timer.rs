//! Tokio's timer.

use std::time::Duration;

use async_trait::async_trait;
use fluxgate_core::port::Timer;

/// Waits by the runtime that it is awaited on.
#[derive(Debug, Clone, Copy)]
pub(super) struct RuntimeTimer;

#[async_trait]
impl Timer for RuntimeTimer {
    async fn sleep_ms(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }
}
