//! The way of a token: taken apart, its trust found, its key found, verified, checked, its tenant
//! looked up.

use std::sync::Arc;

use fluxgate_core::app::Trusts;
use fluxgate_core::digest::sha256;
use fluxgate_core::id::TenantId;
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::{Principal, Tenant};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Kind, Result};

use super::bounds::AuthBounds;
use super::discovery::KeySetFetcher;
use super::key_cache::KeyCache;
use super::refusal::Refusal;
use super::token::Token;
use super::trust_cache::TrustCache;
use super::verified_cache::VerifiedCache;

/// Tells who the bearer of a token speaks for. One for the whole process: it holds the caches.
pub struct Authenticator {
    tenants: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    trusts: TrustCache,
    keys: KeyCache,
    verified: VerifiedCache,
    bounds: AuthBounds,
}

impl Authenticator {
    pub fn new(
        tenants: Trusts,
        keys: Arc<dyn KeySetFetcher>,
        clock: Arc<dyn Clock>,
        bounds: AuthBounds,
    ) -> Self {
        let tenants = Arc::new(tenants);
        Self {
            trusts: TrustCache::new(Arc::clone(&tenants), Arc::clone(&clock), &bounds),
            keys: KeyCache::new(keys, Arc::clone(&clock), &bounds),
            verified: VerifiedCache::new(&bounds),
            tenants,
            clock,
            bounds,
        }
    }

    /// Takes the token alone, without `Bearer`; the empty text stands for none.
    ///
    /// Kind `Unauthenticated` with a code `token_…` or `tenant_unknown`; kind `Unavailable` with
    /// code `key_set_unavailable` when the issuer's keys cannot be had; the store's own errors.
    pub async fn authenticate(&self, bearer: &str) -> Result<Principal> {
        if bearer.is_empty() {
            return Err(Refusal::Missing.into());
        }
        // Before the digest, so that a long one costs nothing.
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
        self.keys.find(&trusted, &token).await?.verify(&token)?;
        let expires_at =
            token
                .claims
                .check(&trusted.trust, self.clock.now(), self.bounds.leeway_s)?;
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

    /// A suspended tenant may read on: what it may not do is for the use cases to refuse.
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
