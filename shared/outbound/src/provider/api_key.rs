//! The provider's key, which may be rotated while the process lives.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::secret::Secret;

/// Where the key comes from. Asked before each request, so it answers from memory most of the time.
#[async_trait]
pub trait ApiKey: Send + Sync {
    /// The key as it is now. Kind `Unavailable` when it cannot be had.
    async fn current(&self) -> Result<Secret>;

    /// The provider refused the key: it may have been rotated, so the next `current` should look
    /// again.
    async fn refused(&self) {}
}

/// A key that never changes.
#[async_trait]
impl ApiKey for Secret {
    async fn current(&self) -> Result<Secret> {
        Ok(self.clone())
    }
}
