//! Rotations of the keys that links are signed with: a key is added and signs from then on, and the
//! old one is dropped once nothing is under way that it signed.

use std::sync::Arc;

use serde_json::json;

use super::{Capability, Source};
use crate::app::{Context, Operator};
use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::seal::KeyRing;
use crate::base::time::Timestamp;
use crate::domain::tenant::{Actor, AuditAction};

/// The operator's use case of these keys.
pub struct CapabilityRotation {
    context: Context,
    capability: Capability,
    operator: Arc<Operator>,
}

/// Which keys there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityStatus {
    pub active_key: String,
    /// What they signed still works.
    pub old_keys: Vec<String>,
    /// When the last link that an old key signed is over.
    pub links_end_at: Option<Timestamp>,
}

impl CapabilityRotation {
    pub fn new(context: Context, capability: Capability, operator: Arc<Operator>) -> Self {
        Self {
            context,
            capability,
            operator,
        }
    }

    /// Kind `NotFound` where the keys are this process's own.
    pub async fn status(&self) -> Result<CapabilityStatus> {
        let source = self.source()?;
        Ok(self.status_of(&*source.rings.ring_stored().await?))
    }

    /// Adds a key, which signs from now on. Kind `Conflict` with code `capability_keys_in_use`
    /// while there is an old one, and with code `capability_keys_changed` if somebody else changed
    /// them.
    pub async fn rotate(&self, actor: &Actor) -> Result<CapabilityStatus> {
        let source = self.source()?;
        let ring = source.rings.ring_stored().await?;
        if let Some(old) = ring.old_keys().first() {
            let text = format!(
                "links that the key '{old}' signed are under way; drop it first by 'fluxgate capability-keys retire'"
            );
            return Err(in_use(text));
        }
        let mut random = [0; 32];
        self.context.entropy.fill(&mut random);
        let next = ring.rotated(random, self.context.now())?;
        self.replace(AuditAction::CapabilityKeyAdded, &ring, next, actor)
            .await
    }

    /// Drops the old keys. Unless it is forced, kind `Conflict` with code `capability_keys_in_use`
    /// as long as links that they signed may be under way.
    pub async fn retire(&self, force: bool, actor: &Actor) -> Result<CapabilityStatus> {
        let source = self.source()?;
        let ring = source.rings.ring_stored().await?;
        let status = self.status_of(&ring);
        let Some(end) = status.links_end_at else {
            return Ok(status);
        };
        if self.context.now() < end && !force {
            let text = format!(
                "links that an old key signed work until {}; wait, or end them now with force",
                end.rfc3339()
            );
            return Err(in_use(text));
        }
        let next = ring.active_only()?;
        self.replace(AuditAction::CapabilityKeysRetired, &ring, next, actor)
            .await
    }

    async fn replace(
        &self,
        action: AuditAction,
        before: &KeyRing,
        after: KeyRing,
        actor: &Actor,
    ) -> Result<CapabilityStatus> {
        let source = self.source()?;
        let detail = json!({ "active_key": after.active(), "old_keys": after.old_keys() });
        // Before the change: a change without its entry would be worse than the reverse.
        self.operator.record_for_all(action, detail, actor).await?;
        source.rings.replace(before, &after).await?;
        self.capability.take(source, source.rings.ring_now().await);
        Ok(self.status_of(&after))
    }

    fn status_of(&self, ring: &KeyRing) -> CapabilityStatus {
        let old_keys = ring.old_keys();
        let since = ring.active_since().filter(|_| !old_keys.is_empty());
        CapabilityStatus {
            active_key: ring.active().to_owned(),
            links_end_at: since.map(|since| since.plus_ms(self.links_ms())),
            old_keys,
        }
    }

    /// How long after a rotation the last link that the old key signed works: it may be signed by a
    /// process that has not read the new keys.
    fn links_ms(&self) -> u64 {
        let settles_ms = self.source().map_or(0, |source| source.rings.settles_ms());
        let bounds = &self.context.bounds;
        let links_ms = bounds.presign_expires_ms.max(bounds.run_max_ms);
        settles_ms.saturating_add(links_ms)
    }

    fn source(&self) -> Result<&Source> {
        self.capability.0.source.as_ref().ok_or_else(|| {
            Error::not_found("the keys that links are signed with are not read from anywhere here")
        })
    }
}

fn in_use(text: String) -> Error {
    Error::new(Kind::Conflict, "capability_keys_in_use", text).retry(Retry::Never)
}
