//! API keys: made, listed, rotated and revoked, by the operator or by a tenant itself. What changes
//! is the tenant's record with its list of live keys: a key that is not listed is revoked.

mod issue;
mod key_end;
mod maker;
mod rotate;
mod sealed_signing_keys;
mod signing;

pub use issue::{IssuedKey, NewKey};
pub use key_end::KeyEnd;
pub use maker::Maker;
pub use sealed_signing_keys::SealedSigningKeys;
pub use signing::{SigningKeyStatus, SigningStatus};

use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::Context;
use crate::base::error::{Reason, Result};
use crate::base::id::{KeyId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::money::{KeyTerms, MicroUsd};
use crate::domain::tenant::{
    Actor, ApiKey, AuditAction, AuditEntry, Issuer, KeysChange, LiveKey, Tenant,
};
use crate::port::errors::{no_such_key, tenant_changed};
use crate::port::{Ids as _, KeyRings};

/// How often the tenant is read again that others change at the same time.
const TRIES: usize = 10;

/// What operators and tenants do with API keys.
pub struct ApiKeys {
    context: Context,
    /// The private keys that sign.
    signing_keys: Arc<dyn KeyRings>,
    /// The issuer as it was published last, and when it was read: anybody may ask for it.
    published: Mutex<Option<(Issuer, Timestamp)>>,
}

/// How long the public keys are remembered.
const PUBLISHED_MS: u64 = 5_000;

/// What becomes of a tenant's keys.
struct Edit {
    put: Vec<ApiKey>,
    removed: Vec<KeyId>,
    action: AuditAction,
    detail: Value,
}

impl ApiKeys {
    pub fn new(context: Context, signing_keys: Arc<dyn KeyRings>) -> Self {
        Self {
            context,
            signing_keys,
            published: Mutex::default(),
        }
    }

    /// The public keys that verify API keys, as a JWK set: of the moment, or some seconds old.
    pub async fn jwks(&self) -> Result<Value> {
        let now = self.now();
        let lock = || {
            self.published
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let known = lock().clone();
        if let Some((issuer, read_at)) = known
            && now.since_ms(read_at) < PUBLISHED_MS
        {
            return Ok(issuer.jwks());
        }
        let issuer = self.context.api_keys().issuer().await?;
        let issuer = issuer.unwrap_or_else(|| Issuer::new(""));
        let jwks = issuer.jwks();
        *lock() = Some((issuer, now));
        Ok(jwks)
    }

    pub fn now(&self) -> Timestamp {
        self.context.now()
    }

    /// The tenant's keys, oldest first. Kind `NotFound` if there is no such tenant.
    pub async fn list(&self, tenant: &TenantId) -> Result<Vec<ApiKey>> {
        self.context.tenants().get_eventual(tenant).await?;
        self.context.api_keys().list_keys(tenant).await
    }

    /// Kind `NotFound` for a key that does not exist or belongs to another tenant.
    pub async fn get(&self, tenant: &TenantId, id: &KeyId) -> Result<ApiKey> {
        self.context.api_keys().get_key(tenant, id).await
    }

    /// What the month of a key with a limit has used.
    pub async fn used_this_month(&self, key: &ApiKey) -> Result<Option<MicroUsd>> {
        let Some(limit) = &key.limit else {
            return Ok(None);
        };
        let account = self.context.accounts().account(&key.tenant).await?;
        let terms = KeyTerms {
            counter: limit.counter.clone(),
            monthly_max: limit.monthly_micro_usd,
        };
        let count = terms.counted_in(&account, self.now());
        let store = self.context.api_keys();
        let used = store.key_use(&key.tenant, &count.counter, count.month);
        used.await.map(Some)
    }

    /// Ends a key and the keys that it made, and those that they made: every process refuses them
    /// within seconds. Kind `NotFound` as in [`Self::get`].
    pub async fn revoke(&self, tenant: &TenantId, id: &KeyId, maker: &Maker) -> Result<()> {
        let revoked = self.change(tenant, maker, |tenant, _| {
            let key = tenant.keys.iter().find(|key| key.id == *id);
            let key = key.ok_or_else(|| no_such_key(id))?;
            let made = tenant.keys.iter().filter(|live| live.makers.contains(id));
            let made: Vec<KeyId> = made.map(|live| live.id.clone()).collect();
            let detail = serde_json::json!({ "key": id, "made": made });
            let mut removed = made;
            removed.push(key.id.clone());
            Ok(Edit {
                put: Vec::new(),
                removed,
                action: AuditAction::KeyRevoked,
                detail,
            })
        });
        revoked.await
    }

    /// Writes what the edit makes of the tenant's keys, over whatever else changes the tenant.
    async fn change(
        &self,
        id: &TenantId,
        maker: &Maker,
        edit: impl Fn(&Tenant, Timestamp) -> Result<Edit> + Send + Sync,
    ) -> Result<()> {
        for _ in 0..TRIES {
            let (now, tenant) = (self.now(), self.context.tenants().get(id).await?);
            let edit = edit(&tenant, now)?;
            let entry = self.entry(id, maker.actor(), edit.action, edit.detail.clone());
            let before = tenant.keys.clone();
            let change = changed(tenant, edit, entry);
            match self.context.api_keys().change_keys(&change).await {
                Err(error) if error.is(Reason::VersionMoved) => {}
                written => {
                    written?;
                    self.tidy_signing_keys(&before, &change).await;
                    return Ok(());
                }
            }
        }
        Err(tenant_changed(id))
    }

    fn entry(
        &self,
        tenant: &TenantId,
        actor: Actor,
        action: AuditAction,
        detail: Value,
    ) -> AuditEntry {
        AuditEntry {
            tenant: Some(tenant.clone()),
            ..self.installation_entry(actor, action, detail)
        }
    }

    /// About no tenant.
    fn installation_entry(&self, actor: Actor, action: AuditAction, detail: Value) -> AuditEntry {
        let at = self.now();
        AuditEntry {
            id: self.context.entropy.audit_id(at),
            at,
            actor,
            action,
            tenant: None,
            detail,
        }
    }
}

fn changed(tenant: Tenant, edit: Edit, entry: AuditEntry) -> KeysChange {
    let Edit { put, removed, .. } = edit;
    let is_replaced = |live: &LiveKey| put.iter().any(|key| key.id == live.id);
    let mut keys = tenant.keys.clone();
    keys.retain(|live| !removed.contains(&live.id) && !is_replaced(live));
    keys.extend(put.iter().map(ApiKey::live));
    KeysChange {
        tenant: Tenant {
            version: tenant.version + 1,
            keys,
            ..tenant
        },
        put,
        removed,
        entry,
    }
}
