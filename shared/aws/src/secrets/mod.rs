//! Secrets from Secrets Manager, cached for minutes, and read again when one turns out not to work
//! any more.

mod failure;
mod name;

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use fluxgate_core::Result;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::Clock;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};

use crate::AwsSettings;
pub use name::SecretName;

/// How long secrets are cached, and how often Secrets Manager is called.
#[derive(Debug, Clone, Copy)]
pub struct SecretBounds {
    /// A rotated secret is picked up within this time.
    pub ttl_ms: u64,
    /// A secret that does not work is read again, but not more often than this.
    pub refresh_gap_ms: u64,
    /// Pause after a failed read.
    pub failed_pause_ms: u64,
    /// Maximum number of cached secrets.
    pub secrets_max: usize,
}

impl Default for SecretBounds {
    fn default() -> Self {
        Self {
            ttl_ms: 300_000,
            refresh_gap_ms: 5_000,
            failed_pause_ms: 5_000,
            secrets_max: 256,
        }
    }
}

/// Reads secrets by name. A cached secret remains in use while Secrets Manager does not answer.
pub struct SecretsManagerSecrets {
    client: Client,
    clock: Arc<dyn Clock>,
    cache: SingleFlight<SecretName, Secret>,
    bounds: SecretBounds,
}

impl SecretsManagerSecrets {
    pub fn new(settings: &AwsSettings, clock: Arc<dyn Clock>, bounds: SecretBounds) -> Self {
        let cache = SingleFlight::new(bounds.secrets_max, clock.clone());
        Self {
            client: settings.secretsmanager(),
            clock,
            cache,
            bounds,
        }
    }

    /// The current value, trimmed of white space. Kind `Unavailable`, so worth retrying later, with
    /// a code that says what is wrong: `secret_missing`, `secret_denied`, `secret_empty`, or
    /// `secret_unavailable` if there was no answer.
    pub async fn get(&self, name: &SecretName) -> Result<Secret> {
        self.cache.get(name, self.read(name)).await
    }

    /// For callers whose secret was refused: it may have been rotated. The errors are those of
    /// `get`.
    pub async fn refresh_now(&self, name: &SecretName) -> Result<Secret> {
        let gap_ms = self.bounds.refresh_gap_ms;
        self.cache.refresh(name, gap_ms, self.read(name)).await
    }

    /// The value as it is stored, whatever is remembered, with its version. The errors are those of
    /// `get`.
    pub async fn get_stored(&self, name: &SecretName) -> Result<(Secret, SecretVersion)> {
        let (fetched, version) = self.fetch(name).await.map_err(|failed| failed.error)?;
        Ok((fetched.value, version))
    }

    /// Puts a new value over this version. Kind `Conflict` with code `secret_changed`, and nothing
    /// is written, if there is a later version; else kind `Unavailable` as in `get`.
    pub async fn put_over(
        &self,
        name: &SecretName,
        version: &SecretVersion,
        value: &Secret,
    ) -> Result<()> {
        let put = self
            .client
            .put_secret_value()
            .secret_id(name.as_str())
            .client_request_token(version.successor())
            .secret_string(value.expose());
        Box::pin(put.send())
            .await
            .map_err(|error| failure::not_written(&error, name))?;
        self.cache.refresh(name, 0, self.read(name)).await.map(drop)
    }

    async fn read(&self, name: &SecretName) -> Result<Fetched<Secret>, Failed> {
        self.fetch(name).await.map(|(fetched, _)| fetched)
    }

    async fn fetch(&self, name: &SecretName) -> Result<(Fetched<Secret>, SecretVersion), Failed> {
        let read = self.client.get_secret_value().secret_id(name.as_str());
        let read = Box::pin(read.send())
            .await
            .map_err(|error| failure::failed(&error, name, self.bounds))?;
        let text = read.secret_string.unwrap_or_default();
        if text.trim().is_empty() {
            return Err(failure::empty(name, self.bounds));
        }
        // Whoever puts a secret there from a file puts a line's end there too.
        let fetched = Fetched {
            value: Secret::new(text.trim()),
            fresh_until: self.clock.now().plus_ms(self.bounds.ttl_ms),
            serves_until: Timestamp(i64::MAX),
        };
        let version = SecretVersion(read.version_id.unwrap_or_default());
        Ok((fetched, version))
    }
}

/// A version of one secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion(String);

impl SecretVersion {
    /// The id of the one version that may follow this one. Secrets Manager refuses another value
    /// under the same id, so that of two writers over one version only the first succeeds.
    fn successor(&self) -> String {
        hex::encode(sha256(format!("fluxgate after {}", self.0).as_bytes()))
    }
}
