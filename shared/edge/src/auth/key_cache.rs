//! Key sets, fetched once for all who wait, kept for a while, and longer when their issuer does not
//! answer.

use std::convert::Infallible;
use std::sync::Arc;

use fluxgate_core::digest::Sha256;
use fluxgate_core::port::Clock;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Retry};
use quick_cache::sync::Cache;

use super::bounds::AuthBounds;
use super::discovery::{KeySetFetcher, key_set, unavailable};
use super::key::Key;
use super::key_set::KeySet;
use super::key_slot::{Known, Slot};
use super::refusal::Refusal;
use super::token::Token;
use super::trust_cache::Trusted;

pub(super) struct KeyCache {
    fetcher: Arc<dyn KeySetFetcher>,
    clock: Arc<dyn Clock>,
    bounds: AuthBounds,
    slots: Cache<Sha256, Arc<Slot>>,
}

impl KeyCache {
    pub(super) fn new(
        fetcher: Arc<dyn KeySetFetcher>,
        clock: Arc<dyn Clock>,
        bounds: &AuthBounds,
    ) -> Self {
        Self {
            fetcher,
            clock,
            bounds: bounds.clone(),
            slots: Cache::new(bounds.key_sets_max),
        }
    }

    /// The key that the token names, out of the keys of its own trust. An issuer that has just
    /// begun to use a new key is asked once more.
    pub(super) async fn find(
        &self,
        trusted: &Trusted,
        token: &Token<'_>,
    ) -> Result<Arc<Key>, Error> {
        let slot = self.slot(trusted.key_set);
        let set = self.current(&slot, trusted).await?;
        match set.find(token.kid.as_deref(), token.algorithm) {
            Err(Refusal::KeyUnknown) => {
                let newer = self.newer(&slot, trusted, set).await;
                Ok(newer.find(token.kid.as_deref(), token.algorithm)?)
            }
            found => Ok(found?),
        }
    }

    fn slot(&self, id: Sha256) -> Arc<Slot> {
        let slot = self
            .slots
            .get_or_insert_with(&id, || Ok::<_, Infallible>(Arc::new(Slot::default())));
        slot.unwrap_or_else(|never| match never {})
    }

    /// The set in its time; else a fetched one; else, for a while, the one from before.
    async fn current(&self, slot: &Slot, trusted: &Trusted) -> Result<Arc<KeySet>, Error> {
        let known = slot.known();
        if let Some(set) = self.fresh(&known) {
            return Ok(set);
        }
        let _fetching = match self.stale(&known) {
            // Whoever has something to go on with does not wait for a slow issuer.
            Some(set) => match slot.fetching.try_lock() {
                Ok(fetching) => fetching,
                Err(_) => return Ok(set),
            },
            None => slot.fetching.lock().await,
        };
        // Another may have fetched, or failed, while this one waited.
        let known = slot.known();
        if let Some(set) = self.fresh(&known) {
            return Ok(set);
        }
        let stale = self.stale(&known);
        if self.within(known.failed_at, self.bounds.key_retry_min_ms) {
            return stale.ok_or_else(|| {
                self.later(unavailable(
                    "the issuer's key set could not be fetched just now",
                ))
            });
        }
        self.fetch(slot, trusted)
            .await
            .or_else(|error| stale.ok_or_else(|| self.later(error)))
    }

    /// A set fetched after `seen`, if one may be had. So many tokens with made-up keys cost the
    /// issuer one fetch in a while.
    async fn newer(&self, slot: &Slot, trusted: &Trusted, seen: Arc<KeySet>) -> Arc<KeySet> {
        let _fetching = slot.fetching.lock().await;
        let known = slot.known();
        if let Some(loaded) = known
            .loaded
            .filter(|loaded| !Arc::ptr_eq(&loaded.set, &seen))
        {
            return loaded.set;
        }
        if self.within(known.refetched_at, self.bounds.key_refetch_min_ms) {
            return seen;
        }
        // Before the fetch: a caller that hangs up meanwhile has used up the turn all the same.
        slot.update(|known| known.refetched_at = Some(self.clock.now()));
        self.fetch(slot, trusted).await.unwrap_or(seen)
    }

    async fn fetch(&self, slot: &Slot, trusted: &Trusted) -> Result<Arc<KeySet>, Error> {
        let fetched = key_set(self.fetcher.as_ref(), trusted, self.bounds.key_set_keys_max).await;
        let now = self.clock.now();
        match fetched {
            Ok(set) => {
                if set.weak > 0 {
                    tracing::warn!(
                        auth.issuer = trusted.trust.issuer,
                        keys = set.weak,
                        "weak RSA keys of an issuer count for nothing"
                    );
                }
                Ok(slot.loaded(Arc::new(set), now))
            }
            Err(error) => {
                slot.update(|known| known.failed_at = Some(now));
                tracing::warn!(auth.issuer = trusted.trust.issuer, error = %error, "an issuer's key set cannot be fetched");
                Err(error)
            }
        }
    }

    fn fresh(&self, known: &Known) -> Option<Arc<KeySet>> {
        self.aged(known, self.bounds.key_set_ttl_ms)
    }

    fn stale(&self, known: &Known) -> Option<Arc<KeySet>> {
        self.aged(known, self.bounds.key_set_stale_ms)
    }

    fn aged(&self, known: &Known, ms_max: u64) -> Option<Arc<KeySet>> {
        let loaded = known.loaded.as_ref()?;
        self.within(Some(loaded.at), ms_max)
            .then(|| Arc::clone(&loaded.set))
    }

    fn within(&self, since: Option<Timestamp>, ms: u64) -> bool {
        since.is_some_and(|since| self.clock.now().since_ms(since) < ms)
    }

    fn later(&self, error: Error) -> Error {
        error.retry(Retry::AfterMs(self.bounds.key_retry_min_ms))
    }
}
