//! API keys: tokens that this installation issued itself. They take the same way as other tokens;
//! what differs is that their tenant lists which of them are live.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fluxgate_core::app::Trusts;
use fluxgate_core::id::{KeyId, TenantId};
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{
    Audience, ClaimPath, Issuer, KeySource, LiveKey, Scope, ScopeMapping, Tenant, Trust,
};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Result};

use super::claims::Claims;
use super::refusal::{Refusal, Times};
use super::token::Token;
use super::trust_cache::Trusted;

/// How long the public keys are remembered. A key that is not among them is looked for at once, but
/// tokens with made-up keys cause one read in a while.
const KNOWN_MS: u64 = 60_000;
const LOOK_AGAIN_MS: u64 = 1_000;

pub(super) struct OwnKeys {
    trusts: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    issuer: Option<Arc<Issuer>>,
    read_at: Timestamp,
    /// When a key was looked for that was not there.
    missed_at: Option<Timestamp>,
}

impl Known {
    /// The issuer, if it has issued the token by a key that is known.
    fn issued(&self, named: &str, kid: &str) -> Option<Arc<Issuer>> {
        let issuer = self.issuer.as_ref().filter(|issuer| issuer.id == named)?;
        issuer.has_key(kid).then(|| issuer.clone())
    }
}

impl OwnKeys {
    pub(super) fn new(trusts: Arc<Trusts>, clock: Arc<dyn Clock>) -> Self {
        Self {
            trusts,
            clock,
            known: Mutex::default(),
        }
    }

    /// This installation, if the token names it; `None` for the token of another issuer.
    pub(super) async fn issuer(&self, token: &Token<'_>) -> Result<Option<Arc<Issuer>>> {
        let named = token.claims.issuer().unwrap_or_default();
        if !named.starts_with(Issuer::PREFIX) {
            return Ok(None);
        }
        let kid = token.kid.as_deref().unwrap_or_default();
        let known = self.lock().clone();
        let within = |since: Timestamp, ms| self.clock.now().since_ms(since) < ms;
        if let Some(known) = known {
            let issued = known.issued(named, kid);
            let has_missed = known.missed_at.is_some_and(|at| within(at, LOOK_AGAIN_MS));
            if has_missed || (within(known.read_at, KNOWN_MS) && issued.is_some()) {
                return Ok(issued.or(known.issuer).filter(|issuer| issuer.id == named));
            }
        }
        let now = self.clock.now();
        let mut known = Known {
            issuer: self.trusts.own_issuer().await?.map(Arc::new),
            read_at: now,
            missed_at: None,
        };
        known.missed_at = known.issued(named, kid).is_none().then_some(now);
        *self.lock() = Some(known.clone());
        Ok(known.issuer.filter(|issuer| issuer.id == named))
    }

    /// The tenant, and its key that the token is.
    pub(super) async fn live(
        &self,
        tenant: &TenantId,
        token: &Token<'_>,
    ) -> Result<(Arc<Tenant>, LiveKey)> {
        let id = token.claims.id().and_then(|id| KeyId::parse(id).ok());
        let id = id.ok_or(Refusal::KeyRevoked)?;
        let (tenant, key) = self.listed(tenant, &id).await?;
        // Otherwise a signing key that was retired could make tokens for newer keys.
        if token.kid.as_deref() != Some(key.kid.as_str()) {
            return Err(Refusal::KeyRevoked.into());
        }
        self.check_end(&key)?;
        Ok((tenant, key))
    }

    /// Whether a key that was verified before is still live: kind `Unauthenticated` if not.
    pub(super) async fn check(&self, tenant: &TenantId, id: &KeyId) -> Result<()> {
        let (_, key) = self.listed(tenant, id).await?;
        Ok(self.check_end(&key)?)
    }

    /// A record may be read late, and lack a key that was just made: then it is read again.
    async fn listed(&self, id: &TenantId, key: &KeyId) -> Result<(Arc<Tenant>, LiveKey)> {
        let tenant = self.trusts.tenant(id).await.map_err(gone)?;
        if let Ok(key) = tenant.live_key(key) {
            let key = key.clone();
            return Ok((tenant, key));
        }
        let tenant = self.trusts.tenant_now(id).await.map_err(gone)?;
        let key = tenant.live_key(key).map_err(|_| Refusal::KeyRevoked)?;
        let key = key.clone();
        Ok((Arc::new(tenant), key))
    }

    fn check_end(&self, key: &LiveKey) -> Result<(), Refusal> {
        let now = self.clock.now();
        match key.expires_at.filter(|_| key.is_expired(now)) {
            Some(token) => Err(Refusal::KeyExpired(Times { token, now })),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is trusted of a token that names this installation: its subject is the tenant.
pub(super) fn trusted(issuer: &Issuer, claims: &Claims) -> Result<Trusted, Refusal> {
    let tenant = claims.subject().and_then(|id| TenantId::parse(id).ok());
    let tenant = tenant.ok_or(Refusal::Claims(
        "the subject of an API key is its tenant, and this token has none",
    ))?;
    let words = Scope::ALL.map(|scope| (scope.as_str().to_owned(), BTreeSet::from([scope])));
    let trust = Trust {
        issuer: issuer.id.clone(),
        audience: Audience::one(Issuer::AUDIENCE),
        audience_claim: ClaimPath::named("aud"),
        keys: KeySource::Jwks(issuer.jwks()),
        claim: None,
        scopes: Some(ScopeMapping {
            claim: ClaimPath::named("scope"),
            words: BTreeMap::from(words),
        }),
    };
    Ok(Trusted::new(tenant, trust))
}

fn gone(error: fluxgate_core::Error) -> fluxgate_core::Error {
    match error.kind {
        Kind::NotFound => Refusal::TenantGone.into(),
        _ => error,
    }
}
