//! The keys that sign API keys: one signs; a retired one verifies until the last key that it signed
//! is gone.

use std::collections::BTreeMap;

use serde_json::json;

use super::{ApiKeys, TRIES};
use crate::base::error::{Reason, Result};
use crate::domain::tenant::{
    Actor, AuditAction, Issuer, KeySigner, KeysChange, LiveKey, PublicKey,
};
use crate::port::Ids as _;
use crate::port::errors::issuer_changed;

/// A process that read the signing key before its rotation has written what it signed by then.
const RETIRED_KEPT_MS: u64 = 15 * 60 * 1_000;

/// The installation's signing keys.
#[derive(Debug)]
pub struct SigningStatus {
    /// The `iss` of every API key; `None` before the first.
    pub issuer: Option<String>,
    pub keys: Vec<SigningKeyStatus>,
}

#[derive(Debug)]
pub struct SigningKeyStatus {
    pub key: PublicKey,
    /// How many API keys it has signed that were not revoked.
    pub api_keys: usize,
}

impl ApiKeys {
    /// The key that signs now, once what verifies is published.
    pub(super) async fn signer(&self) -> Result<(Issuer, KeySigner)> {
        let ring = self.signing_keys.ring_stored().await?;
        let signer = KeySigner::of(&ring);
        let issuer = self.published(&signer).await?;
        Ok((issuer, signer))
    }

    async fn published(&self, signer: &KeySigner) -> Result<Issuer> {
        for _ in 0..TRIES {
            let (now, stored) = (self.now(), self.context.api_keys().issuer().await?);
            let (mut issuer, version) = match stored {
                Some(issuer) if issuer.is_active(signer.kid()) => return Ok(issuer),
                Some(issuer) => (issuer.clone(), issuer.version + 1),
                None => (Issuer::new(&self.context.entropy.id32(now)), 1),
            };
            issuer.activate(signer.public(now), now);
            issuer.version = version;
            match self.context.api_keys().put_issuer(&issuer).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => return written.map(|()| issuer),
            }
        }
        Err(issuer_changed())
    }

    /// A new key signs from now on.
    ///
    /// Kind `Conflict` if another rotation replaced the key meanwhile.
    pub async fn rotate_signing(&self, actor: &Actor) -> Result<SigningStatus> {
        self.signer().await?;
        let before = self.signing_keys.ring_stored().await?;
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        let after = before.rotated(random, self.now())?.active_only()?;
        let signer = KeySigner::of(&after);
        let detail = json!({ "kid": signer.kid() });
        let entry = self.installation_entry(actor.clone(), AuditAction::SigningKeyRotated, detail);
        // Before the change: a change without its entry would be worse than the reverse.
        self.context.tenants().record(&entry).await?;
        self.signing_keys.replace(&before, &after).await?;
        self.published(&signer).await?;
        self.drop_retired().await?;
        self.signing_status().await
    }

    pub async fn signing_status(&self) -> Result<SigningStatus> {
        let Some(issuer) = self.context.api_keys().issuer().await? else {
            let (issuer, keys) = (None, Vec::new());
            return Ok(SigningStatus { issuer, keys });
        };
        let signed = self.signed().await?;
        let keys = issuer.keys.into_iter().map(|key| SigningKeyStatus {
            api_keys: signed.get(&key.kid).copied().unwrap_or_default(),
            key,
        });
        Ok(SigningStatus {
            issuer: Some(issuer.id),
            keys: keys.collect(),
        })
    }

    /// Drops the retired keys that no API key needs. Nothing goes while a tenant's record cannot be
    /// read.
    pub async fn drop_retired(&self) -> Result<()> {
        let Some(issuer) = self.context.api_keys().issuer().await? else {
            return Ok(());
        };
        let long_retired = self.now().minus_ms(RETIRED_KEPT_MS);
        if !issuer.keys.iter().any(|key| key.is_retired(long_retired)) {
            return Ok(());
        }
        let signed = self.signed().await?;
        let mut left = issuer.clone();
        left.keys
            .retain(|key| !key.is_retired(long_retired) || signed.contains_key(&key.kid));
        if left.keys.len() == issuer.keys.len() {
            return Ok(());
        }
        left.version += 1;
        self.context.api_keys().put_issuer(&left).await
    }

    /// How many API keys each key has signed.
    async fn signed(&self) -> Result<BTreeMap<String, usize>> {
        let mut signed = BTreeMap::new();
        for tenant in self.context.tenants().list().await? {
            for key in tenant.keys {
                *signed.entry(key.kid).or_default() += 1;
            }
        }
        Ok(signed)
    }

    /// After the last key that a retired one signed may have gone.
    pub(super) async fn tidy_signing_keys(&self, before: &[LiveKey], change: &KeysChange) {
        let gone = before.iter().filter(|key| change.removed.contains(&key.id));
        let left = &change.tenant.keys;
        let needed = |kid: &str| left.iter().any(|key| key.kid == kid);
        if gone.map(|key| key.kid.as_str()).all(needed) {
            return;
        }
        if let Err(error) = self.drop_retired().await {
            let error = error.with_causes();
            tracing::warn!(
                error,
                "retired signing keys stay until the next API key is revoked"
            );
        }
    }
}
