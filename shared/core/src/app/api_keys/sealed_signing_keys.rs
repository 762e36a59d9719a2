//! The private signing keys where no store of secrets holds them: sealed, in the installation's
//! record.

use std::sync::Arc;

use async_trait::async_trait;

use super::TRIES;
use crate::app::{Context, Vault};
use crate::base::error::{Reason, Result};
use crate::base::seal::KeyRing;
use crate::domain::tenant::Issuer;
use crate::port::errors::issuer_changed;
use crate::port::{Ids as _, KeyRings};

/// Made when they are first asked for.
pub struct SealedSigningKeys {
    context: Context,
    vault: Vault,
}

impl SealedSigningKeys {
    pub fn new(context: Context, vault: Vault) -> Self {
        Self { context, vault }
    }

    async fn issuer(&self) -> Result<Option<Issuer>> {
        self.context.api_keys().issuer().await
    }

    async fn opened(&self, issuer: &Issuer) -> Result<Option<KeyRing>> {
        let Some(sealed) = &issuer.signing_keys else {
            return Ok(None);
        };
        let text = self.vault.open_signing_keys(sealed).await?;
        KeyRing::parse(&text).map(Some)
    }

    /// The record with this ring.
    async fn with(&self, issuer: Issuer, ring: &KeyRing) -> Result<Issuer> {
        let sealed = self.vault.seal_signing_keys(&ring.to_secret()).await?;
        Ok(Issuer {
            signing_keys: Some(sealed),
            ..issuer
        })
    }

    fn fresh(&self) -> KeyRing {
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        KeyRing::fresh(random)
    }
}

#[async_trait]
impl KeyRings for SealedSigningKeys {
    async fn ring(&self) -> Result<Arc<KeyRing>> {
        self.ring_stored().await
    }

    async fn ring_now(&self) -> Result<Arc<KeyRing>> {
        self.ring_stored().await
    }

    async fn ring_stored(&self) -> Result<Arc<KeyRing>> {
        for _ in 0..TRIES {
            let issuer = match self.issuer().await? {
                Some(issuer) => {
                    if let Some(ring) = self.opened(&issuer).await? {
                        return Ok(Arc::new(ring));
                    }
                    Issuer {
                        version: issuer.version + 1,
                        ..issuer
                    }
                }
                None => Issuer::new(&self.context.entropy.id32(self.context.now())),
            };
            let ring = self.fresh();
            let issuer = self.with(issuer, &ring).await?;
            match self.context.api_keys().put_issuer(&issuer).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| Arc::new(ring)),
            }
        }
        Err(issuer_changed())
    }

    async fn replace(&self, before: &KeyRing, after: &KeyRing) -> Result<()> {
        let stored = self.issuer().await?.ok_or_else(issuer_changed)?;
        let ring = self.opened(&stored).await?;
        if !ring.is_some_and(|ring| ring.is_same(before)) {
            return Err(issuer_changed());
        }
        let version = stored.version + 1;
        let issuer = self.with(stored, after).await?;
        let issuer = Issuer { version, ..issuer };
        self.context.api_keys().put_issuer(&issuer).await
    }

    /// Every reader reads the record.
    fn settles_ms(&self) -> u64 {
        0
    }
}
