//! Waiting for a while.

use async_trait::async_trait;

#[async_trait]
pub trait Timer: Send + Sync {
    async fn sleep_ms(&self, ms: u64);
}
