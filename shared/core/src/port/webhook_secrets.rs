//! The provider's webhook signing secret.

use async_trait::async_trait;
use serde_json::Value;

use crate::base::error::Result;
use crate::base::secret::Secret;

#[async_trait]
pub trait WebhookSecrets: Send + Sync {
    /// The secret that signs the provider's webhooks.
    async fn webhook_secret(&self) -> Result<Secret>;

    /// Leaves our key for the provider out of every text of a webhook, where this process has one.
    async fn leave_out_key(&self, webhook: &mut Value) -> Result<()>;
}
