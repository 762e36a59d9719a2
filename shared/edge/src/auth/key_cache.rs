//! Caches key sets: concurrent requests share one fetch, and a set is kept longer if its issuer
//! does not answer.

use std::sync::Arc;

use fluxgate_core::app::Trusts;
use fluxgate_core::digest::Sha256;
use fluxgate_core::port::Clock;
use fluxgate_core::{Error, Retry};
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};

use super::bounds::AuthBounds;
use super::discovery::key_set;
use super::key::Key;
use super::key_set::KeySet;
use super::refusal::Refusal;
use super::token::Token;
use super::trust_cache::Trusted;

pub(super) struct KeyCache {
    trusts: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    bounds: AuthBounds,
    sets: SingleFlight<Sha256, Arc<KeySet>>,
}

impl KeyCache {
    pub(super) fn new(trusts: Arc<Trusts>, clock: Arc<dyn Clock>, bounds: &AuthBounds) -> Self {
        Self {
            sets: SingleFlight::new(bounds.key_sets_max, Arc::clone(&clock)),
            trusts,
            clock,
            bounds: bounds.clone(),
        }
    }

    /// Finds the token's key among the keys of its own trust. If the key is unknown, the set is
    /// fetched once more, because the issuer may have just rotated its keys.
    pub(super) async fn find(
        &self,
        trusted: &Trusted,
        token: &Token<'_>,
    ) -> Result<Arc<Key>, Error> {
        let set = self.sets.get(&trusted.key_set, self.fetch(trusted)).await?;
        match set.find(token.kid.as_deref(), token.algorithm) {
            Err(Refusal::KeyUnknown) => {
                let newer = self.newer(trusted, set).await;
                Ok(newer.find(token.kid.as_deref(), token.algorithm)?)
            }
            found => Ok(found?),
        }
    }

    /// A set fetched after `seen`, if one may be had. So many tokens with made-up keys cost the
    /// issuer one fetch in a while.
    async fn newer(&self, trusted: &Trusted, seen: Arc<KeySet>) -> Arc<KeySet> {
        let (id, gap_ms) = (&trusted.key_set, self.bounds.key_refetch_min_ms);
        let newer = self.sets.refresh(id, gap_ms, self.fetch(trusted)).await;
        newer.unwrap_or(seen)
    }

    async fn fetch(&self, trusted: &Trusted) -> Result<Fetched<Arc<KeySet>>, Failed> {
        let issuer = &trusted.trust.issuer;
        let set = key_set(&self.trusts, trusted, self.bounds.key_set_keys_max)
            .await
            .map_err(|error| self.failed(issuer, error))?;
        if set.weak > 0 {
            tracing::warn!(
                auth.issuer = issuer,
                keys = set.weak,
                "weak RSA keys of an issuer count for nothing"
            );
        }
        let now = self.clock.now();
        Ok(Fetched {
            value: Arc::new(set),
            fresh_until: now.plus_ms(self.bounds.key_set_ttl_ms),
            serves_until: now.plus_ms(self.bounds.key_set_stale_ms),
        })
    }

    /// An answer that is no key set does not replace one that was.
    fn failed(&self, issuer: &str, error: Error) -> Failed {
        let cause = format!("issuer '{issuer}': {}", error.with_causes());
        let pause_ms = self.bounds.key_retry_min_ms;
        Failed {
            error: error.retry(Retry::AfterMs(pause_ms)).source(cause),
            temporary: true,
            pause_ms,
        }
    }
}
