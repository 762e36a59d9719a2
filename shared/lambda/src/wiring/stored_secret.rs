//! The current value of one secret in Secrets Manager.

use std::sync::Arc;

use async_trait::async_trait;
use fluxgate_aws::secrets::{SecretName, SecretVersion, SecretsManagerSecrets};
use fluxgate_core::Result;
use fluxgate_core::port::{OriginSecrets, WebhookSecrets};
use fluxgate_core::secret::Secret;
use fluxgate_outbound::ApiKey;
use serde_json::Value;

/// Read when it is needed, so that a function can start, and its messages wait, while the secret
/// does not exist.
#[derive(Clone)]
pub(super) struct StoredSecret {
    secrets: Arc<SecretsManagerSecrets>,
    name: SecretName,
}

impl StoredSecret {
    /// Fails if this cannot be the name of a secret.
    pub(super) fn named(secrets: &Arc<SecretsManagerSecrets>, name: &str) -> Result<Self> {
        Ok(Self {
            secrets: secrets.clone(),
            name: SecretName::parse(name)?,
        })
    }

    pub(super) async fn get(&self) -> Result<Secret> {
        self.secrets.get(&self.name).await
    }

    /// Asked for now, whatever is remembered.
    pub(super) async fn get_now(&self) -> Result<Secret> {
        self.secrets.refresh_now(&self.name).await
    }

    /// As it is stored, with its version.
    pub(super) async fn get_stored(&self) -> Result<(Secret, SecretVersion)> {
        self.secrets.get_stored(&self.name).await
    }

    /// Kind `Conflict` if the version is not the last one any more.
    pub(super) async fn put_over(&self, version: &SecretVersion, value: &Secret) -> Result<()> {
        self.secrets.put_over(&self.name, version, value).await
    }
}

#[async_trait]
impl ApiKey for StoredSecret {
    async fn current(&self) -> Result<Secret> {
        self.get().await
    }

    async fn refused(&self) {
        if let Err(error) = self.secrets.refresh_now(&self.name).await {
            tracing::warn!(
                error = error.with_causes(),
                "the provider refused the key, and the secret could not be read again"
            );
        }
    }
}

/// The receiver reads the provider's webhook secret from Secrets Manager: it has no key for the
/// provider's API. A key that a webhook quotes is left out of its texts as a word that is too long.
#[async_trait]
impl WebhookSecrets for StoredSecret {
    async fn webhook_secret(&self) -> Result<Secret> {
        self.get().await
    }

    async fn leave_out_key(&self, _: &mut Value) -> Result<()> {
        Ok(())
    }
}

/// The front's secret, which the operator put into Secrets Manager and told the front.
#[async_trait]
impl OriginSecrets for StoredSecret {
    async fn origin_secret(&self) -> Result<Secret> {
        self.get().await
    }
}
