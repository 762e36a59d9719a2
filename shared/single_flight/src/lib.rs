//! A cache of what is expensive to fetch: one fetch at a time for each key, none for a while after
//! one that failed, and the value from before where no newer is to be had.
//!
//! Reads no clock and does no IO of its own: both are handed in.

mod known;

use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use fluxgate_core::port::Clock;
use fluxgate_core::time::Timestamp;
use fluxgate_core::{Error, Result};
use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, UnitWeighter};

use known::Known;

/// What a fetch brought, and for how long it is good.
#[derive(Debug, Clone)]
pub struct Fetched<V> {
    pub value: V,
    /// Before this nobody fetches again.
    pub fresh_until: Timestamp,
    /// Before this it serves while a newer one is fetched, and while none is to be had.
    pub serves_until: Timestamp,
}

/// Why a fetch failed, and what that means for the value from before.
#[derive(Debug, Clone)]
pub struct Failed {
    pub error: Error,
    /// Nobody's answer: the value from before may serve on. A refusal ends it.
    pub temporary: bool,
    /// For how long everybody is told the same, and nobody fetches.
    pub pause_ms: u64,
}

/// Values by their keys. Bounded: the ones least asked for are forgotten.
pub struct SingleFlight<K, V> {
    known: Cache<K, Known<V>>,
    /// Fetches under way. An answer is taken out as soon as it has landed: who waited has it then.
    flights: Cache<K, Result<V>>,
    clock: Arc<dyn Clock>,
}

/// The right to fetch. Dropped without an answer, it passes to the next who waits.
type TakeOff<'a, K, V> = PlaceholderGuard<
    'a,
    K,
    Result<V>,
    UnitWeighter,
    DefaultHashBuilder,
    DefaultLifecycle<K, Result<V>>,
>;

impl<K: Clone + Eq + Hash, V: Clone> SingleFlight<K, V> {
    pub fn new(values_max: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            known: Cache::new(values_max),
            flights: Cache::new(values_max),
            clock,
        }
    }

    /// The value of the key, fetched unless it is fresh. Whoever has none that serves waits for the
    /// one fetch that is under way. The error of a fetch that somebody else made is marked so.
    pub async fn get(
        &self,
        key: &K,
        fetch: impl Future<Output = Result<Fetched<V>, Failed>>,
    ) -> Result<V> {
        let (known, now) = (self.known(key), self.clock.now());
        if let Some(answer) = known.settled(now) {
            return answer;
        }
        let joined = match known.serving(now) {
            None => self.flights.get_value_or_guard_async(key).await,
            Some(value) => match self.flights.get_value_or_guard(key, Some(Duration::ZERO)) {
                GuardResult::Guard(take_off) => Err(take_off),
                GuardResult::Value(landed) => Ok(landed),
                GuardResult::Timeout => return Ok(value),
            },
        };
        match joined {
            Ok(landed) => landed.map_err(Error::of_earlier_call),
            // Another may have landed between the look and the take-off.
            Err(take_off) => match self.known(key).settled(self.clock.now()) {
                Some(answer) => self.land(key, take_off, answer),
                None => self.fly(key, take_off, fetch).await,
            },
        }
    }

    /// For whoever learnt that the value no longer holds: it is fetched again, though not within
    /// `gap_ms` of the last time that somebody asked for this. Within it, the answer is what is
    /// known.
    pub async fn refresh(
        &self,
        key: &K,
        gap_ms: u64,
        fetch: impl Future<Output = Result<Fetched<V>, Failed>>,
    ) -> Result<V> {
        match self.flights.get_value_or_guard_async(key).await {
            Ok(landed) => landed.map_err(Error::of_earlier_call),
            Err(take_off) => {
                let (mut known, now) = (self.known(key), self.clock.now());
                if let Some(answer) = known.refreshed(now, gap_ms) {
                    return self.land(key, take_off, answer);
                }
                // Before the fetch: a caller that hangs up meanwhile has used up the turn.
                known.refreshed_at = Some(now);
                self.known.insert(key.clone(), known);
                self.fly(key, take_off, fetch).await
            }
        }
    }

    async fn fly(
        &self,
        key: &K,
        take_off: TakeOff<'_, K, V>,
        fetch: impl Future<Output = Result<Fetched<V>, Failed>>,
    ) -> Result<V> {
        let fetched = fetch.await;
        let (mut known, now) = (self.known(key), self.clock.now());
        let answer = match fetched {
            Ok(fetched) => known.fetched(fetched),
            Err(failed) => known.failed(failed, now),
        };
        self.known.insert(key.clone(), known);
        self.land(key, take_off, answer)
    }

    fn land(&self, key: &K, take_off: TakeOff<'_, K, V>, answer: Result<V>) -> Result<V> {
        // Fails where the flight was forgotten meanwhile: then nobody waits for it.
        let _ = take_off.insert(answer.clone());
        self.flights.remove(key);
        answer
    }

    fn known(&self, key: &K) -> Known<V> {
        self.known.get(key).unwrap_or_default()
    }
}
