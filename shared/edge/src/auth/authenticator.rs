//! Authenticates a token: parses it, finds its trust and its key, verifies it, checks its claims,
//! and looks up its tenant.

use std::sync::Arc;

use fluxgate_core::app::Trusts;
use fluxgate_core::digest::sha256;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{Issuer, Principal, Tenant, Trust};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Kind};

use super::bounds::AuthBounds;
use super::claims::Claims;
use super::key_cache::KeyCache;
use super::key_uses::KeyUses;
use super::own_keys::{self, OwnKeys};
use super::refusal::{Refusal, Times};
use super::token::Token;
use super::trust_cache::{TrustCache, Trusted};
use super::verified_cache::VerifiedCache;

/// Determines who a token speaks for. One per process, because it holds the caches.
pub struct Authenticator {
    pub(super) tenants: Arc<Trusts>,
    pub(super) clock: Arc<dyn Clock>,
    trusts: TrustCache,
    pub(super) keys: KeyCache,
    pub(super) own_keys: OwnKeys,
    key_uses: KeyUses,
    verified: VerifiedCache,
    pub(super) bounds: AuthBounds,
}

impl Authenticator {
    pub fn new(tenants: Trusts, clock: Arc<dyn Clock>, bounds: AuthBounds) -> Self {
        let tenants = Arc::new(tenants);
        Self {
            trusts: TrustCache::new(Arc::clone(&tenants), Arc::clone(&clock), &bounds),
            keys: KeyCache::new(Arc::clone(&tenants), Arc::clone(&clock), &bounds),
            own_keys: OwnKeys::new(Arc::clone(&tenants), Arc::clone(&clock)),
            key_uses: KeyUses::new(Arc::clone(&tenants), bounds.token_cache_entries),
            verified: VerifiedCache::new(&bounds),
            tenants,
            clock,
            bounds,
        }
    }

    /// Takes the bare token without `Bearer`; an empty string means that there is none.
    ///
    /// Kind `Unauthenticated` with a code `token_…` or `tenant_unknown`; kind `Unavailable` with
    /// code `key_set_unavailable` if the issuer's keys are unavailable; the store's own errors.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal, Error> {
        if bearer.is_empty() {
            return Err(Refusal::Missing.into());
        }
        // Checked before hashing, so that a long token costs nothing.
        if bearer.len() > self.bounds.token_bytes_max {
            return Err(Refusal::TooLong.into());
        }
        let digest = sha256(bearer.as_bytes());
        if let Some(principal) = self.verified.get(&digest, self.clock.now()) {
            return Ok(principal);
        }
        let (principal, expires_at) = self.verify(bearer).await?;
        self.verified
            .insert(digest, &principal, expires_at, self.clock.now());
        Ok(principal)
    }

    /// Without the cache of verified tokens.
    pub(super) async fn verify(&self, bearer: &str) -> Result<(Principal, Timestamp), Error> {
        let token = Token::parse(bearer)?;
        if let Some(issuer) = self.own_keys.issuer(&token).await? {
            return self.verify_own(&token, &issuer).await;
        }
        let trusted = self.trusts.find(&token.claims).await?;
        let key = self.keys.find(&trusted, &token).await?;
        key.verify(&token)?;
        check_audience(&trusted.trust, &token.claims)?;
        let expires_at = token.claims.check(self.clock.now(), self.bounds.leeway_s)?;
        let tenant = self.trusting(&trusted).await?;
        let subject = token.claims.subject().map(str::to_owned);
        Ok((
            Principal {
                tenant: trusted.tenant.clone(),
                subject,
                scopes: trusted.trust.scopes_of(token.claims.all()),
                key: None,
                ends_at: Some(expires_at),
                limits: tenant.limits,
            },
            expires_at,
        ))
    }

    /// Returns until when the key is accepted without verifying it again.
    async fn verify_own(
        &self,
        token: &Token<'_>,
        issuer: &Issuer,
    ) -> Result<(Principal, Timestamp), Error> {
        let trusted = Arc::new(own_keys::trusted(issuer, &token.claims)?);
        let key = self.keys.find(&trusted, token).await?;
        key.verify(token)?;
        check_audience(&trusted.trust, &token.claims)?;
        let now = self.clock.now();
        let expires_at = token.claims.check_own(now, self.bounds.leeway_s)?;
        let (tenant, live) = self.own_keys.live(&trusted.tenant, token).await?;
        self.key_uses.note(&tenant.id, &live.id, now);
        let known_until = now.plus_ms(self.bounds.api_key_cache_ttl_ms);
        let ends = [expires_at, live.expires_at].into_iter().flatten();
        let ends_at = ends.min();
        let principal = Principal {
            tenant: tenant.id.clone(),
            subject: None,
            scopes: trusted.trust.scopes_of(token.claims.all()),
            key: Some(live.id),
            ends_at,
            limits: tenant.limits,
        };
        Ok((
            principal,
            ends_at.map_or(known_until, |at| at.min(known_until)),
        ))
    }

    /// Whether a token that was authenticated before may still be answered: kind
    /// `Unauthenticated` if not, because it has ended, or is an API key that was revoked.
    pub async fn check_still(&self, principal: &Principal) -> Result<(), Error> {
        let leeway_ms = self.bounds.leeway_s.saturating_mul(1_000);
        let now = self.clock.now();
        let has_ended = |at: &Timestamp| now >= at.plus_ms(leeway_ms);
        if let Some(token) = principal.ends_at.filter(has_ended) {
            return Err(Refusal::Expired(Times { token, now }).into());
        }
        match &principal.key {
            Some(key) => self.own_keys.check(&principal.tenant, key).await,
            None => Ok(()),
        }
    }

    /// The tenant, if its record has the trust: what leads from an issuer to its tenants may be
    /// late. A suspended tenant is still authenticated, because it may read; the use cases refuse
    /// the rest.
    async fn trusting(&self, trusted: &Trusted) -> Result<Arc<Tenant>, Error> {
        let id = &trusted.tenant;
        let tenant = self.tenants.tenant(id).await.map_err(gone)?;
        if tenant.trust.contains(&trusted.trust) {
            return Ok(tenant);
        }
        // The record may be late as well.
        let tenant = self.tenants.tenant_now(id).await.map_err(gone)?;
        if tenant.trust.contains(&trusted.trust) {
            return Ok(Arc::new(tenant));
        }
        Err(Refusal::IssuerUnknown.into())
    }
}

fn gone(error: Error) -> Error {
    match error.kind {
        Kind::NotFound => Refusal::TenantGone.into(),
        _ => error,
    }
}

/// After the signature: a forger learns nothing about its claims.
pub(super) fn check_audience(trust: &Trust, claims: &Claims) -> Result<(), Refusal> {
    let checked = trust.check_audience(claims.all());
    checked.map_err(|_| Refusal::Audience(trust.audience_claim.to_string()))
}
