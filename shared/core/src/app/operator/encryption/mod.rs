//! Which keys the stored secrets are sealed with, and their rotation: a key is added, every secret
//! is sealed again, and the old key is dropped when nothing can need it any more.
//!
//! A rotation keeps no record of its own. The ring says whether one is under way, and each secret
//! names the key that sealed it; so it may be killed anywhere, and begun again by anybody.

mod cursor;
mod reseal;
mod signing_keys;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Operator;
use crate::base::error::Result;
use crate::base::seal::KeyRing;
use crate::base::time::Timestamp;
use crate::domain::tenant::{Actor, AuditAction};
use cursor::{Cursor, Position};
use walk::Walk;

/// How many secrets each key has sealed, for a part of the tenants.
#[derive(Debug)]
pub struct EncryptionStatus {
    pub active_key: String,
    /// These open and do not seal: a rotation is under way.
    pub old_keys: Vec<String>,
    pub tenants: usize,
    /// By the id of the key.
    pub secrets: BTreeMap<String, usize>,
    /// Secrets that an earlier release stored in plain text.
    pub plain_secrets: usize,
    /// Secrets whose key is not in the ring.
    pub lost_secrets: usize,
    /// Records that cannot be read, at most 20 of them.
    pub unreadable: Vec<String>,
    /// Where the next part begins; `None` for the last one.
    pub next: Option<String>,
}

/// One step of a rotation.
#[derive(Debug)]
pub struct RotationStep {
    pub state: RotationState,
    pub active_key: String,
    /// These open still.
    pub old_keys: Vec<String>,
    /// Dropped by this step.
    pub retired_keys: Vec<String>,
    /// What this step looked at.
    pub tenants: usize,
    pub secrets: usize,
    /// Of these secrets, how many it sealed with the active key.
    pub resealed: usize,
    /// Of these secrets, how many do not open, which were left as they are.
    pub lost: usize,
    /// Records that cannot be read, at most 20 of them.
    pub unreadable: Vec<String>,
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RotationState {
    /// The next step, from there.
    Running { next: String },
    /// The next step, from there, but not before: until then a process that read the ring earlier
    /// may still seal with an old key.
    Waiting { next: String, not_before: Timestamp },
    /// Nothing: every secret is sealed with the active key, which is the only one.
    Done,
    /// The old keys are kept for records that cannot be read. When they are mended or deleted, the
    /// rotation has to be started again, and goes on.
    Blocked { records: usize },
}

/// How many records a status or a step names.
const NAMES_MAX: usize = 20;

impl Operator {
    /// What the keys of the ring have sealed, from `after` on.
    ///
    /// Kind `Invalid` with code `invalid_cursor` for a cursor that is none.
    pub async fn encryption_status(&self, after: Option<&str>) -> Result<EncryptionStatus> {
        let position = after.map_or(Ok(Position::FIRST), Position::parse)?;
        let is_first = position == Position::FIRST;
        let ring = self.vault.ring_stored().await?;
        let mut walk = Walk::from(&self.context, position).await?;
        let mut status = EncryptionStatus {
            active_key: ring.active().to_owned(),
            old_keys: ring.old_keys(),
            tenants: 0,
            secrets: BTreeMap::new(),
            plain_secrets: 0,
            lost_secrets: 0,
            unreadable: Vec::new(),
            next: None,
        };
        if is_first {
            self.count_signing_keys(&ring, &mut status).await?;
        }
        while let Some(tenant) = walk.next_tenant(self.now()) {
            self.count(&ring, &tenant, &mut status).await?;
            status.tenants += 1;
        }
        status.unreadable.truncate(NAMES_MAX);
        status.next = walk.rest().map(|position| position.to_string());
        Ok(status)
    }

    /// Takes one bounded step of a rotation. Without a cursor it begins one by adding a key, or
    /// goes on with one that was interrupted. With the cursor of a step it goes on from there.
    ///
    /// Kind `Invalid` with code `invalid_cursor` for a cursor that is none; kind `Conflict` with
    /// code `encryption_keys_changed` if another rotation replaced the keys meanwhile.
    pub async fn rotate_encryption(
        &self,
        cursor: Option<&str>,
        actor: &Actor,
    ) -> Result<RotationStep> {
        let ring = self.vault.ring_stored().await?;
        let (ring, cursor) = match cursor {
            Some(text) => (ring, Cursor::parse(text)?),
            None => (self.begun(ring, actor).await?, Cursor::FIRST),
        };
        let cursor = cursor.begun_at(self.now());
        let mut walk = Walk::from(&self.context, cursor.position).await?;
        let mut step = RotationStep::of(&ring);
        self.reseal_signing_keys(&ring, &mut step).await?;
        while let Some(tenant) = walk.next_tenant(self.now()) {
            self.reseal_tenant(&ring, &tenant, &mut step).await?;
            step.tenants += 1;
        }
        let blocked = cursor.blocked + step.unreadable.len();
        step.unreadable.truncate(NAMES_MAX);
        if let Some(position) = walk.rest() {
            let next = Cursor {
                position,
                blocked,
                ..cursor
            };
            let next = next.to_string();
            step.state = RotationState::Running { next };
            return Ok(step);
        }
        self.end_pass(&ring, cursor.began, blocked, step, actor)
            .await
    }

    /// The ring of a rotation that is under way.
    async fn begun(&self, ring: Arc<KeyRing>, actor: &Actor) -> Result<Arc<KeyRing>> {
        let now = self.now();
        let next = if ring.old_keys().is_empty() {
            let mut random = [0; 32];
            self.context.entropy.fill(&mut random);
            ring.rotated(random, now)?
        } else if ring.active_since().is_none() {
            ring.dated(now)?
        } else {
            return Ok(ring);
        };
        let detail = json!({ "active_key": next.active(), "old_keys": next.old_keys() });
        // Before the change: a change without its entry would be worse than the reverse.
        self.record(actor, AuditAction::EncryptionKeyAdded, detail)
            .await?;
        self.vault.replace_ring(&ring, &next).await?;
        Ok(Arc::new(next))
    }

    /// Every secret was looked at, from `began` on.
    async fn end_pass(
        &self,
        ring: &KeyRing,
        began: Timestamp,
        blocked: usize,
        mut step: RotationStep,
        actor: &Actor,
    ) -> Result<RotationStep> {
        let old_keys = ring.old_keys();
        if old_keys.is_empty() {
            step.state = RotationState::Done;
            return Ok(step);
        }
        if blocked > 0 {
            step.state = RotationState::Blocked { records: blocked };
            return Ok(step);
        }
        let since = ring.active_since().unwrap_or(began);
        let not_before = since.plus_ms(self.vault.ring_settles_ms());
        if began < not_before {
            let next = Cursor::FIRST.to_string();
            step.state = RotationState::Waiting { next, not_before };
            return Ok(step);
        }
        let detail = json!({ "active_key": ring.active(), "retired_keys": old_keys });
        self.record(actor, AuditAction::EncryptionKeysRetired, detail)
            .await?;
        self.vault.replace_ring(ring, &ring.active_only()?).await?;
        step.state = RotationState::Done;
        step.retired_keys = std::mem::take(&mut step.old_keys);
        Ok(step)
    }

    async fn record(&self, actor: &Actor, action: AuditAction, detail: Value) -> Result<()> {
        self.record_for_all(action, detail, actor).await
    }
}

impl RotationStep {
    fn of(ring: &KeyRing) -> Self {
        Self {
            state: RotationState::Done,
            active_key: ring.active().to_owned(),
            old_keys: ring.old_keys(),
            retired_keys: Vec::new(),
            tenants: 0,
            secrets: 0,
            resealed: 0,
            lost: 0,
            unreadable: Vec::new(),
        }
    }
}
