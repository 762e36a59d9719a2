//! Caches key sets: concurrent requests share one fetch, a set in use is fetched again before its
//! time is up, and it is kept longer if its issuer does not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use fluxgate_core::app::Trusts;
use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::port::Clock;
use fluxgate_core::tenant::KeySource;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Retry};
use fluxgate_single_flight::{Failed, Fetched, SingleFlight};
use quick_cache::sync::Cache;

use super::bounds::AuthBounds;
use super::discovery::key_set;
use super::key::Key;
use super::key_set::KeySet;
use super::refusal::Refusal;
use super::token::Token;
use super::trust_cache::Trusted;

pub(super) struct KeyCache(Arc<Source>);

struct Source {
    trusts: Arc<Trusts>,
    clock: Arc<dyn Clock>,
    bounds: AuthBounds,
    sets: SingleFlight<Sha256, Arc<Held>>,
    /// What was last said in the log of each set, so that it is said once.
    told: Cache<Sha256, Sha256>,
}

/// A key set, and when it is to be fetched again.
struct Held {
    set: KeySet,
    renew_at: AtomicI64,
    fresh_until: Timestamp,
}

impl KeyCache {
    pub(super) fn new(trusts: Arc<Trusts>, clock: Arc<dyn Clock>, bounds: &AuthBounds) -> Self {
        Self(Arc::new(Source {
            sets: SingleFlight::new(bounds.key_sets_max, Arc::clone(&clock)),
            told: Cache::new(bounds.key_sets_max),
            trusts,
            clock,
            bounds: bounds.clone(),
        }))
    }

    /// Finds the token's key among the keys of its own trust. If the key is unknown, the set is
    /// fetched once more, because the issuer may have just rotated its keys.
    pub(super) async fn find(
        &self,
        trusted: &Arc<Trusted>,
        token: &Token<'_>,
    ) -> Result<Arc<Key>, Error> {
        let source = &self.0;
        let fetch = source.fetch(trusted);
        let held = source.sets.get(&trusted.key_set, fetch).await?;
        self.renew_ahead(trusted, &held);
        match held.set.find(token.kid.as_deref(), token.algorithm) {
            Err(Refusal::KeyUnknown(_)) => {
                let newer = source.newer(trusted, held).await;
                Ok(newer.set.find(token.kid.as_deref(), token.algorithm)?)
            }
            found => Ok(found?),
        }
    }

    /// Nobody waits for it. One who comes when it has failed tries again, though not at once. A
    /// process that is frozen meanwhile, as a function is, finishes it with the next request.
    fn renew_ahead(&self, trusted: &Arc<Trusted>, held: &Held) {
        let (now, gap_ms) = (self.0.clock.now(), self.0.bounds.key_refetch_min_ms);
        let renew_at = held.renew_at.load(Ordering::Relaxed);
        let is_due = (renew_at..held.fresh_until.0).contains(&now.0);
        if !is_due || matches!(trusted.trust.keys, KeySource::Jwks(_)) {
            return;
        }
        let next = now.plus_ms(gap_ms).0;
        let order = Ordering::Relaxed;
        if held
            .renew_at
            .compare_exchange(renew_at, next, order, order)
            .is_err()
        {
            return;
        }
        let (source, trusted) = (Arc::clone(&self.0), Arc::clone(trusted));
        tokio::spawn(async move {
            let fetch = source.fetch(&trusted);
            // A failure is logged there, and the set that is held serves on.
            let _ = source.sets.refresh(&trusted.key_set, gap_ms, fetch).await;
        });
    }
}

impl Source {
    /// A set fetched after `seen`, if one may be had. So many tokens with made-up keys cost the
    /// issuer one fetch in a while.
    async fn newer(&self, trusted: &Trusted, seen: Arc<Held>) -> Arc<Held> {
        let (id, gap_ms) = (&trusted.key_set, self.bounds.key_refetch_min_ms);
        let newer = self.sets.refresh(id, gap_ms, self.fetch(trusted)).await;
        newer.unwrap_or(seen)
    }

    async fn fetch(&self, trusted: &Trusted) -> Result<Fetched<Arc<Held>>, Failed> {
        let issuer = &trusted.trust.issuer;
        let set = key_set(&self.trusts, trusted, self.bounds.key_set_keys_max)
            .await
            .map_err(|error| self.failed(issuer, error))?;
        self.tell(trusted, &set);
        let now = self.clock.now();
        let fresh_ms = self.bounds.key_set_ttl_ms;
        let renew_ms = fresh_ms.saturating_sub(self.bounds.key_set_ahead_ms);
        let fresh_until = now.plus_ms(fresh_ms);
        Ok(Fetched {
            value: Arc::new(Held {
                set,
                renew_at: AtomicI64::new(now.plus_ms(renew_ms).0),
                fresh_until,
            }),
            fresh_until,
            serves_until: now.plus_ms(self.bounds.key_set_stale_ms),
        })
    }

    /// Once for each change of what is wrong with a set.
    fn tell(&self, trusted: &Trusted, set: &KeySet) {
        let complaint = set.complaint().unwrap_or_default();
        let digest = sha256(complaint.as_bytes());
        let before = self.told.get(&trusted.key_set);
        if before == Some(digest) || (before.is_none() && complaint.is_empty()) {
            return;
        }
        self.told.insert(trusted.key_set, digest);
        let issuer = &trusted.trust.issuer;
        if complaint.is_empty() {
            tracing::info!(
                auth.issuer = issuer,
                "every key of an issuer's set can be used again"
            );
            return;
        }
        tracing::warn!(
            auth.issuer = issuer,
            auth.keys = complaint,
            "keys of an issuer's set cannot be used; ask the issuer to mend or remove them"
        );
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
