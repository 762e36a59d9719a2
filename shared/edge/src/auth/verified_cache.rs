//! Recently verified tokens. Refusals are never cached.

use fluxgate_core::digest::Sha256;
use fluxgate_core::tenant::Principal;
use fluxgate_core::time::Timestamp;
use quick_cache::sync::Cache;

use super::bounds::AuthBounds;

#[derive(Clone)]
struct Verified {
    principal: Principal,
    until: Timestamp,
}

/// Keyed by the digest of the whole token including its signature, so that no token is kept in
/// memory.
pub(super) struct VerifiedCache {
    by_token: Cache<Sha256, Verified>,
    ttl_ms: u64,
}

impl VerifiedCache {
    pub(super) fn new(bounds: &AuthBounds) -> Self {
        Self {
            by_token: Cache::new(bounds.token_cache_entries),
            ttl_ms: bounds.token_cache_ttl_ms,
        }
    }

    pub(super) fn get(&self, token: &Sha256, now: Timestamp) -> Option<Principal> {
        let verified = self.by_token.get(token)?;
        (now < verified.until).then_some(verified.principal)
    }

    /// Never kept past the token's own expiry. The leeway does not apply here: during the leeway, a
    /// token is verified each time.
    pub(super) fn insert(
        &self,
        token: Sha256,
        principal: &Principal,
        expires_at: Timestamp,
        now: Timestamp,
    ) {
        let until = expires_at.min(now.plus_ms(self.ttl_ms));
        if now < until {
            self.by_token.insert(
                token,
                Verified {
                    principal: principal.clone(),
                    until,
                },
            );
        }
    }
}
