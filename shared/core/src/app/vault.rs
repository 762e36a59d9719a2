//! Secrets at rest, as the roles that need them use them.

use std::sync::Arc;

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::id::{EndpointId, TenantId};
use crate::base::seal::{KeyRing, NONCE_BYTES, Owner, Sealed};
use crate::base::secret::Secret;
use crate::domain::webhook::HeaderName;
use crate::port::{Entropy, KeyRings, StoreSecrets};

/// Seals what the store keeps, and opens what it kept.
#[derive(Clone)]
pub struct Vault {
    rings: Arc<dyn KeyRings>,
    entropy: Arc<dyn Entropy>,
}

/// What a secret belongs to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Belongs<'a> {
    /// The secret of a tenant's drop-in callbacks.
    Tenant,
    EndpointSecret(&'a EndpointId),
    EndpointKey(&'a EndpointId),
    EndpointHeader(&'a EndpointId, &'a HeaderName),
    /// The secret access key of a destination's store.
    StoreKey,
}

impl Belongs<'_> {
    pub(crate) fn id(self) -> String {
        match self {
            Self::Tenant => "webhook_secret".to_owned(),
            Self::EndpointSecret(id) => format!("endpoint/{id}/secret"),
            Self::EndpointKey(id) => format!("endpoint/{id}/key"),
            Self::EndpointHeader(id, name) => format!("endpoint/{id}/header/{name}"),
            Self::StoreKey => "store_key".to_owned(),
        }
    }
}

const SIGNING_KEYS: Owner<'_> = Owner {
    tenant: "",
    id: "signing_keys",
};

fn owner<'a>(tenant: &'a TenantId, id: &'a str) -> Owner<'a> {
    Owner {
        tenant: tenant.as_str(),
        id,
    }
}

impl Vault {
    pub fn new(rings: Arc<dyn KeyRings>, entropy: Arc<dyn Entropy>) -> Self {
        Self { rings, entropy }
    }

    pub(crate) async fn seal(
        &self,
        tenant: &TenantId,
        belongs: Belongs<'_>,
        secret: &Secret,
    ) -> Result<Sealed> {
        let ring = self.rings.ring().await?;
        Ok(ring.seal(owner(tenant, &belongs.id()), self.nonce(), secret))
    }

    /// Asks for the ring again when it lacks the key: another process may have rotated it.
    pub(crate) async fn open(
        &self,
        tenant: &TenantId,
        belongs: Belongs<'_>,
        sealed: &Sealed,
    ) -> Result<Secret> {
        let mut ring = self.rings.ring().await?;
        if !ring.knows(sealed) {
            ring = self.rings.ring_now().await?;
        }
        ring.open(owner(tenant, &belongs.id()), sealed)
    }

    /// The same secret, sealed with the active key of this ring.
    pub(crate) fn resealed(
        &self,
        ring: &KeyRing,
        tenant: &TenantId,
        belongs: Belongs<'_>,
        sealed: &Sealed,
    ) -> Result<Sealed> {
        let id = belongs.id();
        let owner = owner(tenant, &id);
        let secret = ring.open(owner, sealed)?;
        Ok(ring.seal(owner, self.nonce(), &secret))
    }

    /// The private keys that API keys are signed with, which belong to no tenant.
    pub(crate) async fn seal_signing_keys(&self, keys: &Secret) -> Result<Sealed> {
        let ring = self.rings.ring().await?;
        Ok(ring.seal(SIGNING_KEYS, self.nonce(), keys))
    }

    pub(crate) async fn open_signing_keys(&self, sealed: &Sealed) -> Result<Secret> {
        let mut ring = self.rings.ring().await?;
        if !ring.knows(sealed) {
            ring = self.rings.ring_now().await?;
        }
        ring.open(SIGNING_KEYS, sealed)
    }

    /// As [`Self::resealed`].
    pub(crate) fn resealed_signing_keys(&self, ring: &KeyRing, sealed: &Sealed) -> Result<Sealed> {
        let keys = ring.open(SIGNING_KEYS, sealed)?;
        Ok(ring.seal(SIGNING_KEYS, self.nonce(), &keys))
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let mut nonce = [0; NONCE_BYTES];
        self.entropy.fill(&mut nonce);
        nonce
    }

    /// As it is stored, for a rotation.
    pub(crate) async fn ring_stored(&self) -> Result<Arc<KeyRing>> {
        self.rings.ring_stored().await
    }

    /// As [`KeyRings::replace`].
    pub(crate) async fn replace_ring(&self, before: &KeyRing, after: &KeyRing) -> Result<()> {
        self.rings.replace(before, after).await
    }

    pub(crate) fn ring_settles_ms(&self) -> u64 {
        self.rings.settles_ms()
    }
}

#[async_trait]
impl StoreSecrets for Vault {
    async fn open(&self, tenant: &TenantId, sealed: &Sealed) -> Result<Secret> {
        Self::open(self, tenant, Belongs::StoreKey, sealed).await
    }
}
