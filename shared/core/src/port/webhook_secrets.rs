//! The provider's webhook signing secret.

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::secret::Secret;

#[async_trait]
pub trait WebhookSecrets: Send + Sync {
    /// The secret that signs the provider's webhooks.
    async fn webhook_secret(&self) -> Result<Secret>;
}
