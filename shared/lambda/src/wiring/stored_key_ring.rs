//! The keys that secrets are sealed with, and those that links are signed with, as Secrets Manager
//! has them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fluxgate_aws::secrets::SecretsManagerSecrets;
use fluxgate_core::port::KeyRings;
use fluxgate_core::port::errors::{capability_keys_changed, encryption_keys_changed};
use fluxgate_core::seal::KeyRing;
use fluxgate_core::secret::Secret;
use fluxgate_core::{Error, Kind, Result};

use super::stored_secret::StoredSecret;

/// Three times as long as a function remembers a secret: for those that were just sealing.
const SETTLES_MS: u64 = 900_000;

/// The ring, parsed once for each text that the secret has had.
pub(super) struct StoredKeyRing {
    secret: StoredSecret,
    parsed: Mutex<Option<(Secret, Arc<KeyRing>)>>,
    parse: fn(&Secret) -> Result<KeyRing>,
    changed: fn() -> Error,
}

impl StoredKeyRing {
    /// Fails for what cannot be a secret's name.
    pub(super) fn named(secrets: &Arc<SecretsManagerSecrets>, name: &str) -> Result<Self> {
        Ok(Self {
            secret: StoredSecret::named(secrets, name)?,
            parsed: Mutex::default(),
            parse: KeyRing::parse,
            changed: encryption_keys_changed,
        })
    }

    /// The same for the keys of links.
    pub(super) fn of_links(secrets: &Arc<SecretsManagerSecrets>, name: &str) -> Result<Self> {
        Ok(Self {
            parse: KeyRing::of_links,
            changed: capability_keys_changed,
            ..Self::named(secrets, name)?
        })
    }

    fn parsed(&self, text: Secret) -> Result<Arc<KeyRing>> {
        let mut parsed = self
            .parsed
            .lock()
            .expect("no code panics while it holds the ring");
        if let Some((known, ring)) = &*parsed
            && known.expose() == text.expose()
        {
            return Ok(ring.clone());
        }
        let ring = Arc::new((self.parse)(&text)?);
        *parsed = Some((text, ring.clone()));
        Ok(ring)
    }
}

#[async_trait]
impl KeyRings for StoredKeyRing {
    async fn ring(&self) -> Result<Arc<KeyRing>> {
        self.parsed(self.secret.get().await?)
    }

    async fn ring_now(&self) -> Result<Arc<KeyRing>> {
        self.parsed(self.secret.get_now().await?)
    }

    async fn ring_stored(&self) -> Result<Arc<KeyRing>> {
        let (text, _) = self.secret.get_stored().await?;
        self.parsed(text)
    }

    async fn replace(&self, before: &KeyRing, after: &KeyRing) -> Result<()> {
        let (text, version) = self.secret.get_stored().await?;
        if !(self.parse)(&text)?.is_same(before) {
            return Err((self.changed)());
        }
        match self.secret.put_over(&version, &after.to_secret()).await {
            Err(error) if error.kind == Kind::Conflict => Err((self.changed)().source(error)),
            written => written,
        }
    }

    fn settles_ms(&self) -> u64 {
        SETTLES_MS
    }
}
