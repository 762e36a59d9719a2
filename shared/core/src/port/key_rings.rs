//! The keys that secrets at rest are sealed with.

use std::sync::Arc;

use async_trait::async_trait;

use crate::base::error::Result;
use crate::base::seal::KeyRing;

#[async_trait]
pub trait KeyRings: Send + Sync {
    /// The ring, which may be some minutes old. Kind `Unavailable` when it cannot be read now, kind
    /// `Internal` when what is there is no ring.
    async fn ring(&self) -> Result<Arc<KeyRing>>;

    /// The ring as it is now: for a secret that was sealed with a key which [`Self::ring`] lacks.
    async fn ring_now(&self) -> Result<Arc<KeyRing>>;

    /// The ring as it is stored, never a remembered one: for a rotation.
    async fn ring_stored(&self) -> Result<Arc<KeyRing>>;

    /// Replaces the ring, durably. Kind `Conflict` with code `encryption_keys_changed`, and nothing
    /// is written, unless `before` is still what is there.
    async fn replace(&self, before: &KeyRing, after: &KeyRing) -> Result<()>;

    /// How long after a change a secret may still be written that was sealed with the ring of
    /// before.
    fn settles_ms(&self) -> u64;
}
