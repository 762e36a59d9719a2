//! The provider's key, which may be rotated while the process runs.

use async_trait::async_trait;
use fluxgate_core::Result;
use fluxgate_core::secret::Secret;

/// The source of the key. Called before each request, so it should usually answer from memory.
#[async_trait]
pub trait ApiKey: Send + Sync {
    /// The current key. Kind `Unavailable` if it cannot be obtained.
    async fn current(&self) -> Result<Secret>;

    /// The provider refused the key: it may have been rotated, so the next `current` should read it
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
