//! Authenticates a token: parses it, finds its trust and its key, verifies it, checks its claims,
//! and looks up its tenant.

use std::sync::Arc;

use fluxgate_core::app::Trusts;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{Principal, Tenant};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Result};

use super::bounds::AuthBounds;
use super::key_cache::KeyCache;
use super::refusal::Refusal;
use super::token::Token;
use super::trust_cache::TrustCache;
use super::verified_cache::VerifiedCache;

/// Determines who a token speaks for. One per process, because it holds the caches.
pub struct Authenticator {
    tenants: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    trusts: TrustCache,
    keys: KeyCache,
    verified: VerifiedCache,
    bounds: AuthBounds,
}

impl Authenticator {
    pub fn new(tenants: Trusts, clock: Arc<dyn Clock>, bounds: AuthBounds) -> Self {
        let tenants = Arc::new(tenants);
        Self {
            trusts: TrustCache::new(Arc::clone(&tenants), Arc::clone(&clock), &bounds),
            keys: KeyCache::new(Arc::clone(&tenants), Arc::clone(&clock), &bounds),
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
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal> {
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

    async fn verify(&self, bearer: &str) -> Result<(Principal, Timestamp)> {
        let token = Token::parse(bearer)?;
        let trusted = self.trusts.find(&token.claims).await?;
        let key = self.keys.find(&trusted, &token).await?;
        key.verify(&token, &trusted.trust)?;
        let expires_at = token.claims.check(self.clock.now(), self.bounds.leeway_s)?;
        let tenant = self.tenant(&trusted.tenant).await?;
        let subject = token.claims.subject().map(str::to_owned);
        Ok((
            Principal {
                tenant: trusted.tenant.clone(),
                subject,
                scopes: token.claims.scopes(trusted.trust.scopes.as_ref()),
                limits: tenant.limits,
            },
            expires_at,
        ))
    }

    /// A suspended tenant is still authenticated, because it may read; the use cases refuse the
    /// rest.
    async fn tenant(&self, id: &TenantId) -> Result<Tenant> {
        self.tenants
            .tenant(id)
            .await
            .map_err(|error| match error.kind {
                Kind::NotFound => Refusal::NoTenant.into(),
                _ => error,
            })
    }
}
