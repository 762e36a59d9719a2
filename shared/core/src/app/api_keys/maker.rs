//! Who makes a key, and what its keys may be: a token makes none that may do more than itself.

use super::KeyEnd;
use crate::base::error::{Error, Kind, Result};
use crate::base::id::KeyId;
use crate::base::time::Timestamp;
use crate::domain::money::MicroUsd;
use crate::domain::tenant::{
    Actor, ApiKey, KeyLimit, LiveKey, ModelPattern, Principal, Scope, Tenant,
};

/// Who changes a tenant's keys.
#[derive(Debug, Clone)]
pub enum Maker {
    Operator(Actor),
    /// The bearer of a token of the tenant, with the scope `keys`.
    Tenant(Principal),
}

impl Maker {
    pub(super) fn actor(&self) -> Actor {
        match self {
            Self::Operator(actor) => actor.clone(),
            Self::Tenant(principal) => {
                let who = match (&principal.key, &principal.subject) {
                    (Some(key), _) => format!("key {key}"),
                    (None, Some(subject)) => format!("'{subject}'"),
                    (None, None) => "a token".to_owned(),
                };
                Actor::new(&format!("tenant {}: {who}", principal.tenant))
            }
        }
    }

    /// The models and the limit of a new key. Those that are not asked for are the maker's own.
    ///
    /// Kind `Forbidden` with code `key_beyond_maker`, naming the field, for more than the maker
    /// has; kind `Unauthenticated` with code `key_revoked` if the maker was revoked meanwhile.
    pub(super) fn granted(
        &self,
        tenant: &Tenant,
        asked: &Asked<'_>,
    ) -> Result<(Vec<ModelPattern>, Option<KeyLimit>)> {
        let own = asked.monthly.map(|monthly_micro_usd| KeyLimit {
            monthly_micro_usd,
            counter: asked.id.clone(),
        });
        let Self::Tenant(principal) = self else {
            return Ok((asked.models.to_vec(), own));
        };
        for scope in asked.scopes {
            if !principal.scopes.contains(scope) {
                let text = format!("this token lacks the scope '{}'", scope.as_str());
                return Err(beyond("scopes", &text));
            }
        }
        let Some(key) = &principal.key else {
            return Ok((asked.models.to_vec(), own));
        };
        let maker = tenant.live_key(key)?;
        let models = granted_models(&maker.models, asked.models)?;
        match &maker.limit {
            None => Ok((models, own)),
            Some(limit) => Ok((models, Some(granted_limit(limit, asked.monthly)?))),
        }
    }

    /// The end of a new key, which is not later than that of the key that makes it.
    ///
    /// Kind `Forbidden` with code `key_beyond_maker` for a later one; kind `Unauthenticated` as in
    /// [`Self::granted`].
    pub(super) fn end(
        &self,
        tenant: &Tenant,
        asked: KeyEnd,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let maker = self.key(tenant)?.and_then(|key| key.expires_at);
        let asked = match asked {
            KeyEnd::Unsaid => {
                let end = now.plus_ms(KeyEnd::UNSAID_MS);
                return Ok(Some(maker.map_or(end, |at| at.min(end))));
            }
            KeyEnd::Never => None,
            KeyEnd::At(at) => Some(at),
        };
        match maker {
            Some(end) if asked.is_none_or(|at| at > end) => {
                let text = format!("this key ends at {}", end.rfc3339());
                Err(beyond("expires", &text))
            }
            _ => Ok(asked),
        }
    }

    /// The key that makes keys, if it is one.
    fn key<'a>(&self, tenant: &'a Tenant) -> Result<Option<&'a LiveKey>> {
        let Self::Tenant(principal) = self else {
            return Ok(None);
        };
        let key = principal.key.as_ref();
        key.map(|id| tenant.live_key(id)).transpose()
    }

    /// What a new key's [`ApiKey::makers`] are: those that are gone cannot be revoked any more.
    pub(super) fn makers(&self, tenant: &Tenant) -> Vec<KeyId> {
        let Ok(Some(key)) = self.key(tenant) else {
            return Vec::new();
        };
        let mut makers = listed(tenant, &key.makers);
        makers.push(key.id.clone());
        makers
    }

    /// Like [`Self::makers`], for a key that takes over from another.
    pub(super) fn makers_of_successor(&self, tenant: &Tenant, old: &ApiKey) -> Vec<KeyId> {
        let mut makers = listed(tenant, &old.makers);
        for maker in self.makers(tenant) {
            if !makers.contains(&maker) {
                makers.push(maker);
            }
        }
        makers
    }

    /// The end of a key that takes over from another: not later than that of the maker.
    pub(super) fn capped(
        &self,
        tenant: &Tenant,
        end: Option<Timestamp>,
    ) -> Result<Option<Timestamp>> {
        let maker = self.key(tenant)?.and_then(|key| key.expires_at);
        Ok([end, maker].into_iter().flatten().min())
    }

    /// Whether the token of a key that there is may be handed to the maker.
    pub(super) fn may_renew(&self, tenant: &Tenant, key: &ApiKey) -> Result<()> {
        let Self::Tenant(principal) = self else {
            return Ok(());
        };
        let asked = Asked {
            id: &key.id,
            scopes: &key.scopes.iter().copied().collect::<Vec<_>>(),
            models: &key.models,
            monthly: key.limit.as_ref().map(|limit| limit.monthly_micro_usd),
        };
        let (models, limit) = self.granted(tenant, &asked)?;
        if models != key.models {
            return Err(beyond(
                "models",
                "this key is limited to models, and that one is not",
            ));
        }
        let counter = |limit: &Option<KeyLimit>| limit.as_ref().map(|it| it.counter.clone());
        let is_limited = principal.key.as_ref().is_some_and(|maker| {
            let maker = tenant.keys.iter().find(|live| live.id == *maker);
            maker.is_some_and(|live| live.limit.is_some())
        });
        if is_limited && counter(&limit) != counter(&key.limit) {
            let text = "this key is limited in what it may spend, and that one is counted apart";
            return Err(beyond("monthly_usd", text));
        }
        Ok(())
    }
}

/// What a new key is to be.
pub(super) struct Asked<'a> {
    pub(super) id: &'a KeyId,
    pub(super) scopes: &'a [Scope],
    pub(super) models: &'a [ModelPattern],
    pub(super) monthly: Option<MicroUsd>,
}

fn listed(tenant: &Tenant, ids: &[KeyId]) -> Vec<KeyId> {
    let is_listed = |id: &&KeyId| tenant.keys.iter().any(|key| key.id == **id);
    ids.iter().filter(is_listed).cloned().collect()
}

fn granted_models(maker: &[ModelPattern], asked: &[ModelPattern]) -> Result<Vec<ModelPattern>> {
    if maker.is_empty() {
        return Ok(asked.to_vec());
    }
    if asked.is_empty() {
        return Ok(maker.to_vec());
    }
    for pattern in asked {
        if !maker.iter().any(|own| own.covers(pattern)) {
            let text = format!("this key may not run '{pattern}'");
            return Err(beyond("models", &text));
        }
    }
    Ok(asked.to_vec())
}

/// Counted together with the maker's, so that several keys do not add up to more.
fn granted_limit(maker: &KeyLimit, asked: Option<MicroUsd>) -> Result<KeyLimit> {
    let monthly_micro_usd = asked.unwrap_or(maker.monthly_micro_usd);
    if monthly_micro_usd > maker.monthly_micro_usd {
        let text = format!("this key may spend {} a month", maker.monthly_micro_usd);
        return Err(beyond("monthly_usd", &text));
    }
    Ok(KeyLimit {
        monthly_micro_usd,
        counter: maker.counter.clone(),
    })
}

fn beyond(field: &str, why: &str) -> Error {
    let text = format!("a key may not do more than what makes it: {why}");
    Error::new(Kind::Forbidden, "key_beyond_maker", text).field(field)
}
