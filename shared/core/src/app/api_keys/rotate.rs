//! A key takes over from another, which is valid beside it for a while.

use super::issue::{IssuedKey, room_for_one, told};
use super::maker::Maker;
use super::{ApiKeys, Edit};
use crate::base::error::{Error, Result};
use crate::base::id::{KeyId, TenantId};
use crate::base::time::Timestamp;
use crate::domain::tenant::{ApiKey, AuditAction, Tenant};
use crate::port::Ids as _;
use crate::port::errors::no_such_key;

/// Long enough to bring a new key anywhere.
const OVERLAP_MAX_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

impl ApiKeys {
    /// Makes a key like the given one, which ends when the overlap is over; at once without one.
    /// The new one has the same lifetime, from now on, but ends no later than the key that makes
    /// it, and its spending counts on.
    ///
    /// Kind `NotFound` for a key that there is not; kind `Invalid` with code `invalid_key` for an
    /// overlap that is too long; kind `Forbidden` with code `key_beyond_maker` for a key that may
    /// do more than the maker.
    pub async fn rotate(
        &self,
        tenant: &TenantId,
        id: &KeyId,
        overlap_ms: u64,
        maker: &Maker,
    ) -> Result<IssuedKey> {
        if overlap_ms > OVERLAP_MAX_MS {
            let text = "the keys may overlap for 30 days at most";
            return Err(Error::invalid("invalid_key", text).field("overlap_s"));
        }
        let now = self.now();
        let old = self.get(tenant, id).await?;
        let (issuer, signer) = self.signer().await?;
        let new = successor(&old, self.context.entropy.key_id(now), signer.kid(), now);
        let made = |tenant: &Tenant| {
            Ok(ApiKey {
                expires_at: maker.capped(tenant, new.expires_at)?,
                made_by: maker.actor(),
                makers: maker.makers_of_successor(tenant, &old),
                ..new.clone()
            })
        };
        let key = made(&self.context.tenants().get(tenant).await?)?;
        self.change(tenant, maker, |tenant, now| {
            if !tenant.keys.iter().any(|key| key.id == *id) {
                return Err(no_such_key(id));
            }
            maker.may_renew(tenant, &old)?;
            let new = made(tenant)?;
            let mut edit = Edit {
                removed: Vec::new(),
                action: AuditAction::KeyRotated,
                detail: told(&new),
                put: vec![new],
            };
            if overlap_ms == 0 {
                edit.removed.push(id.clone());
            } else {
                edit.removed = room_for_one(tenant, now)?;
                edit.removed.retain(|removed| removed != id);
                edit.put.push(ending(&old, now.plus_ms(overlap_ms)));
            }
            Ok(edit)
        })
        .await?;
        let token = signer.sign(&issuer.id, &key);
        Ok(IssuedKey { key, token })
    }
}

fn successor(old: &ApiKey, id: KeyId, kid: &str, now: Timestamp) -> ApiKey {
    let lifetime_ms = old.expires_at.map(|at| at.since_ms(old.created_at));
    ApiKey {
        id,
        kid: kid.to_owned(),
        created_at: now,
        expires_at: lifetime_ms.map(|ms| now.plus_ms(ms)),
        replaces: Some(old.id.clone()),
        last_used_at: None,
        ..old.clone()
    }
}

fn ending(old: &ApiKey, until: Timestamp) -> ApiKey {
    ApiKey {
        expires_at: Some(old.expires_at.map_or(until, |at| at.min(until))),
        ..old.clone()
    }
}
