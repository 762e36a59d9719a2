//! Secrets from Secrets Manager, kept for minutes, and read again when somebody found that one no
//! longer works.

mod failure;
mod name;

use std::sync::Arc;

use aws_sdk_secretsmanager::Client;
use fluxgate_core::Result;
use fluxgate_core::port::Clock;
use fluxgate_core::secret::Secret;
use fluxgate_core::time::Timestamp;

use crate::AwsSettings;
use crate::kept::{Failed, Kept};
pub use name::SecretName;

/// How long secrets are kept, and how often Secrets Manager is asked.
#[derive(Debug, Clone, Copy)]
pub struct SecretBounds {
    /// A rotated secret is known after this long.
    pub ttl_ms: u64,
    /// A secret that was found not to work is read again, but not more often than this.
    pub refresh_gap_ms: u64,
    /// After a read that failed.
    pub failed_pause_ms: u64,
    /// Secrets kept at once.
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

/// Reads secrets by their names. One that was read before serves on while Secrets Manager does not
/// answer.
pub struct SecretsManagerSecrets {
    client: Client,
    clock: Arc<dyn Clock>,
    kept: Kept<Read>,
    bounds: SecretBounds,
}

#[derive(Clone)]
struct Read {
    secret: Secret,
    at: Timestamp,
}

impl SecretsManagerSecrets {
    pub fn new(settings: &AwsSettings, clock: Arc<dyn Clock>, bounds: SecretBounds) -> Self {
        let kept = Kept::new(bounds.secrets_max, clock.clone(), |_, _| true);
        Self {
            client: settings.secretsmanager(),
            clock,
            kept,
            bounds,
        }
    }

    /// The current value, without white space around it. Kind `Unavailable`, and so worth a later
    /// try, with a code that says what is wrong: `secret_missing`, `secret_denied`, `secret_empty`,
    /// or `secret_unavailable` when there was no answer.
    pub async fn get(&self, name: &SecretName) -> Result<Secret> {
        self.not_older_than(name, self.bounds.ttl_ms).await
    }

    /// For whoever learnt that the value is refused where it is used: it may have been rotated.
    /// Errors are those of `get`.
    pub async fn refresh_now(&self, name: &SecretName) -> Result<Secret> {
        self.not_older_than(name, self.bounds.refresh_gap_ms).await
    }

    async fn not_older_than(&self, name: &SecretName, age_max_ms: u64) -> Result<Secret> {
        let fresh = |read: &Read, now: Timestamp| now.since_ms(read.at) < age_max_ms;
        self.kept
            .get(name.as_str(), fresh, self.read(name))
            .await
            .map(|read| read.secret)
    }

    async fn read(&self, name: &SecretName) -> Result<Read, Failed> {
        let read = self.client.get_secret_value().secret_id(name.as_str());
        let read = Box::pin(read.send())
            .await
            .map_err(|error| failure::failed(&error, name, self.bounds))?;
        let text = read.secret_string.unwrap_or_default();
        if text.trim().is_empty() {
            return Err(failure::empty(name, self.bounds));
        }
        // Whoever puts a secret there from a file puts a line's end there too.
        Ok(Read {
            secret: Secret::new(text.trim()),
            at: self.clock.now(),
        })
    }
}
