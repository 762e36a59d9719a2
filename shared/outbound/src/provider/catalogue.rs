//! The catalogue, of the provider or as another process of this installation has read it: where
//! there is a store to share it by, one of them asks the provider.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fluxgate_core::digest::{Sha256, sha256};
use fluxgate_core::port::{CatalogueStore, Clock as _, SystemClock};
use fluxgate_core::provider::{Catalogue, lenient};
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use fluxgate_single_flight::{Failed, Fetched};

use super::exchange::{Exchange, unreadable};
use super::{FAILED_PAUSE_MS, cached};

/// So long others leave the reading to one. Longer than it may take.
const CLAIM_MS: u64 = 20_000;
/// So long they go on with what they have, before they look again.
const LOOK_AGAIN_MS: u64 = 5_000;

/// Where catalogues come from, and the one that came last.
pub(super) struct CatalogueSource {
    store: Option<Arc<dyn CatalogueStore>>,
    ttl_ms: u64,
    last: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    catalogue: Arc<Catalogue>,
    read_at: Timestamp,
    /// Of the stored entries; none where nothing is stored.
    sha256: Option<Sha256>,
}

impl CatalogueSource {
    pub(super) fn new(store: Option<Arc<dyn CatalogueStore>>, ttl_ms: u64) -> Self {
        Self {
            store,
            ttl_ms,
            last: Mutex::new(None),
        }
    }

    fn last(&self) -> MutexGuard<'_, Option<Known>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read_at(&self) -> Option<Timestamp> {
        self.last().as_ref().map(|known| known.read_at)
    }

    /// One that is fresh, or the best there is.
    pub(super) async fn load(
        &self,
        exchange: &Exchange,
    ) -> Result<Fetched<Arc<Catalogue>>, Failed> {
        let Some(store) = &self.store else {
            let read = self.read(exchange).await;
            return cached(read.map(|(known, _)| known.catalogue), self.ttl_ms);
        };
        let (shared, now) = (self.shared(&**store).await, SystemClock.now());
        let fresh_until = |known: &Known| known.read_at.plus_ms(self.ttl_ms);
        if let Some(known) = shared.as_ref().filter(|known| now < fresh_until(known)) {
            return Ok(until(known, fresh_until(known)));
        }
        let seen = shared.as_ref().map(|known| known.read_at);
        let claimed = store.claim_catalogue(seen, now, CLAIM_MS).await;
        let is_ours = claimed.unwrap_or_else(|error| {
            warn(&error, "cannot note who reads the catalogue");
            true
        });
        let stale = |known: &Known| until(known, now.plus_ms(LOOK_AGAIN_MS));
        if let (false, Some(known)) = (is_ours, &shared) {
            return Ok(stale(known));
        }
        match self.read(exchange).await {
            Ok((known, entries)) => {
                if let Err(error) = store.store_catalogue(entries, known.read_at).await {
                    warn(&error, "cannot share the catalogue");
                }
                Ok(until(&known, fresh_until(&known)))
            }
            Err(error) => match &shared {
                Some(known) => {
                    warn(
                        &error,
                        "cannot read the catalogue; going on with the shared one",
                    );
                    Ok(stale(known))
                }
                None => Err(Failed {
                    error,
                    temporary: true,
                    pause_ms: FAILED_PAUSE_MS,
                }),
            },
        }
    }

    /// The provider's own, and its entries.
    async fn read(&self, exchange: &Exchange) -> Result<(Known, Bytes)> {
        let data = exchange.get("/api/v3/models").await?;
        let entries = lenient::items(data).ok_or_else(unreadable)?;
        let json = match &self.store {
            Some(_) => serde_json::to_vec(&entries).map_err(|_| unreadable())?,
            None => Vec::new(),
        };
        let digest = self.store.as_ref().map(|_| sha256(&json));
        let catalogue = Catalogue::from_entries(entries);
        let known = self.keep(catalogue, SystemClock.now(), digest);
        Ok((known, json.into()))
    }

    /// The one that is stored, however old.
    async fn shared(&self, store: &dyn CatalogueStore) -> Option<Known> {
        let last = self.last().clone();
        let known = last.as_ref().and_then(|last| last.sha256);
        let stored = match store.catalogue_eventual(known.as_ref()).await {
            Ok(stored) => stored?,
            Err(error) => {
                warn(&error, "cannot read the shared catalogue");
                return last;
            }
        };
        let Some(entries) = stored.entries else {
            let mut last = last?;
            last.read_at = last.read_at.max(stored.read_at);
            *self.last() = Some(last.clone());
            return Some(last);
        };
        match serde_json::from_slice(&entries) {
            Ok(entries) => {
                let catalogue = Catalogue::from_entries(entries);
                Some(self.keep(catalogue, stored.read_at, Some(stored.sha256)))
            }
            Err(error) => {
                tracing::warn!(error = %error, "the shared catalogue is no list of models");
                None
            }
        }
    }

    /// Takes over the compiled schemas of the one before.
    fn keep(&self, catalogue: Catalogue, read_at: Timestamp, sha256: Option<Sha256>) -> Known {
        let mut last = self.last();
        let known = Known {
            catalogue: Arc::new(match &*last {
                Some(earlier) => catalogue.following(&earlier.catalogue),
                None => catalogue,
            }),
            read_at,
            sha256,
        };
        *last = Some(known.clone());
        known
    }
}

/// Outdated rather than missing.
fn until(known: &Known, fresh_until: Timestamp) -> Fetched<Arc<Catalogue>> {
    Fetched {
        value: known.catalogue.clone(),
        fresh_until,
        serves_until: Timestamp(i64::MAX),
    }
}

fn warn(error: &Error, what: &str) {
    tracing::warn!(error = error.with_causes(), "{what}");
}
