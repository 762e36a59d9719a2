//! Makes keys. The token is in the answer, and nowhere again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::maker::{Asked, Maker};
use super::{ApiKeys, Edit, KeyEnd};
use crate::base::error::{Error, Kind, Result};
use crate::base::id::{KeyId, TenantId};
use crate::base::secret::Secret;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::domain::tenant::{
    ApiKey, AuditAction, KEYS_MAX, KeyName, LiveKey, ModelPattern, Scope, Tenant,
};
use crate::port::Ids as _;

/// How long a key is listed after its end, unless there is no room.
const EXPIRED_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;
/// A billion dollars a month, as for budgets.
const MONTHLY_MAX: MicroUsd = MicroUsd(1_000_000_000_000_000);

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    pub name: KeyName,
    pub scopes: BTreeSet<Scope>,
    pub end: KeyEnd,
    /// The models that it may run; all of them if empty.
    pub models: Vec<ModelPattern>,
    /// What it may spend in a month of the tenant's time zone.
    pub monthly: Option<MicroUsd>,
}

/// A key with its token.
#[derive(Debug, Clone)]
pub struct IssuedKey {
    pub key: ApiKey,
    pub token: Secret,
}

impl NewKey {
    /// Kind `Invalid` with code `invalid_key`, naming the field.
    fn check(&self, now: Timestamp) -> Result<()> {
        let bad = |field: &str, text: &str| Err(Error::invalid("invalid_key", text).field(field));
        if self.scopes.is_empty() {
            return bad("scopes", "a key needs at least one scope, such as 'submit'");
        }
        if matches!(self.end, KeyEnd::At(at) if at <= now) {
            return bad("expires", "the key would have expired already");
        }
        if self.models.len() > ModelPattern::COUNT_MAX {
            let text = format!("a key names at most {} models", ModelPattern::COUNT_MAX);
            return bad("models", &text);
        }
        let is_sum = |sum: MicroUsd| sum > MicroUsd::ZERO && sum <= MONTHLY_MAX;
        if self.monthly.is_some_and(|sum| !is_sum(sum)) {
            let text = "what a key may spend in a month is above 0 and at most a billion dollars";
            return bad("monthly_usd", text);
        }
        Ok(())
    }
}

impl ApiKeys {
    /// Makes a key.
    ///
    /// Kind `Invalid` with code `invalid_key`, naming the field; kind `Forbidden` with code
    /// `key_beyond_maker` for more than the maker may do; kind `Conflict` with code `too_many_keys`
    /// for a tenant that has as many as it may have; kind `NotFound` if there is no such tenant.
    pub async fn create(
        &self,
        tenant: &TenantId,
        new: &NewKey,
        maker: &Maker,
    ) -> Result<IssuedKey> {
        let now = self.now();
        new.check(now)?;
        self.context.tenants().get_eventual(tenant).await?;
        let (issuer, signer) = self.signer().await?;
        let id = self.context.entropy.key_id(now);
        let made = |tenant: &Tenant| made(tenant, &id, signer.kid(), new, maker, now);
        let key = made(&self.context.tenants().get(tenant).await?)?;
        self.change(tenant, maker, |tenant, now| {
            let key = made(tenant)?;
            Ok(Edit {
                removed: room_for_one(tenant, now)?,
                action: AuditAction::KeyCreated,
                detail: told(&key),
                put: vec![key],
            })
        })
        .await?;
        let token = signer.sign(&issuer.id, &key);
        Ok(IssuedKey { key, token })
    }
}

fn made(
    tenant: &Tenant,
    id: &KeyId,
    kid: &str,
    new: &NewKey,
    maker: &Maker,
    now: Timestamp,
) -> Result<ApiKey> {
    let scopes: Vec<Scope> = new.scopes.iter().copied().collect();
    let asked = Asked {
        id,
        scopes: &scopes,
        models: &new.models,
        monthly: new.monthly,
    };
    let (models, limit) = maker.granted(tenant, &asked)?;
    let expires_at = maker.end(tenant, new.end, now)?;
    Ok(ApiKey {
        tenant: tenant.id.clone(),
        id: id.clone(),
        name: new.name.clone(),
        scopes: new.scopes.clone(),
        created_at: now,
        expires_at,
        models,
        limit,
        kid: kid.to_owned(),
        made_by: maker.actor(),
        makers: maker.makers(tenant),
        replaces: None,
        last_used_at: None,
    })
}

/// The expired keys that give way to a new one: old ones, and all of them where there is no room.
///
/// Kind `Conflict` with code `too_many_keys`.
pub(super) fn room_for_one(tenant: &Tenant, now: Timestamp) -> Result<Vec<KeyId>> {
    let expired_by = |moment: Timestamp| {
        let expired = tenant.keys.iter().filter(|key| key.is_expired(moment));
        expired.map(id_of).collect::<Vec<KeyId>>()
    };
    let old = expired_by(now.minus_ms(EXPIRED_KEPT_MS));
    if tenant.keys.len() - old.len() < KEYS_MAX {
        return Ok(old);
    }
    let expired = expired_by(now);
    if tenant.keys.len() - expired.len() < KEYS_MAX {
        return Ok(expired);
    }
    let text = format!("the tenant has {KEYS_MAX} API keys, which is the maximum; revoke one");
    Err(Error::new(Kind::Conflict, "too_many_keys", text))
}

fn id_of(key: &LiveKey) -> KeyId {
    key.id.clone()
}

/// What the audit log says of a key.
pub(super) fn told(key: &ApiKey) -> Value {
    let limit = key.limit.as_ref();
    json!({
        "key": key.id,
        "name": key.name,
        "scopes": key.scopes,
        "expires_at": key.expires_at.map(Timestamp::rfc3339),
        "models": key.models,
        "monthly_usd": limit.map(|limit| limit.monthly_micro_usd.decimal()),
        "replaces": key.replaces,
        "makers": key.makers,
    })
}
