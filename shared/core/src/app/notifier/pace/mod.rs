//! How many callbacks are under way to an endpoint, and how many a second leave: of this process
//! alone.

mod opening;
mod put_off;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use opening::Opening;
use put_off::{PUT_OFF_LONG_MS, PUT_OFF_MAX_MS, PutOff};
use waiting::Waiting;

use crate::base::id::EndpointId;
use crate::base::rate::{Rate, TokenBucket};
use crate::base::time::Timestamp;
use crate::domain::task::Job;

/// So many jobs come for each place that is expected to be free by then: none stays empty because
/// a guess was wrong.
const COME_FOR_A_PLACE: u64 = 2;
/// How much of the time that an attempt is expected to take the last one decides: an eighth.
const LAST_COUNTS: u64 = 8;

#[derive(Default, Clone)]
pub(super) struct Pace(Arc<Mutex<HashMap<EndpointId, UnderWay>>>);

/// A receiver that has not answered yet gets so many at once, twice as many with each answer, and
/// half as many with each attempt that got none: one that never answers occupies few workers.
const AT_ONCE_FIRST: u32 = 2;
const AT_ONCE_MAX: u32 = 128;

/// What the endpoint allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowed {
    pub(super) concurrency: u32,
    pub(super) per_second: Option<u32>,
}

struct UnderWay {
    count: u32,
    at_once: u32,
    bucket: TokenBucket,
    /// The bucket is of interest until then.
    full_at: Option<Timestamp>,
    /// How long attempts took lately, and whether the last one got no answer.
    took_us: Option<u64>,
    is_silent: bool,
    /// Since when no attempt has ended, while any is under way.
    quiet_since: Timestamp,
    put_off: PutOff,
    opening: Opening,
    waiting: Waiting,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self {
            count: 0,
            at_once: AT_ONCE_FIRST,
            bucket: TokenBucket::default(),
            full_at: None,
            took_us: None,
            is_silent: false,
            quiet_since: Timestamp(0),
            put_off: PutOff::default(),
            opening: Opening::default(),
            waiting: Waiting::default(),
        }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Busy {
    /// As many are under way as may be.
    Full,
    /// As many have left this second as may.
    Paced,
}

/// Given back when it is dropped.
pub(super) struct Place {
    pace: Pace,
    endpoint: EndpointId,
}

impl Pace {
    pub(super) fn take(
        &self,
        endpoint: &EndpointId,
        allowed: Allowed,
        now: Timestamp,
    ) -> Result<Place, Busy> {
        let mut all = self.lock();
        let under_way = all.entry(endpoint.clone()).or_default();
        if under_way.count >= allowed.concurrency.clamp(1, under_way.at_once) {
            return Err(Busy::Full);
        }
        if let Some(per_second) = allowed.per_second {
            let rate = Rate {
                per_second,
                burst: per_second,
            };
            let decision = under_way.bucket.take(rate, now);
            under_way.full_at = Some(now.plus_ms(decision.reset_s * 1_000));
            if decision.refused_ms.is_some() {
                return Err(Busy::Paced);
            }
        }
        if under_way.count == 0 {
            under_way.quiet_since = now;
        }
        under_way.count += 1;
        all.retain(|_, known| known.is_of_interest(now));
        Ok(Place {
            pace: self.clone(),
            endpoint: endpoint.clone(),
        })
    }

    /// How long a job that found no place sleeps: behind those that were put off before it, each
    /// for as long as the endpoint seems to need for one. So the looks in vain grow with the
    /// attempts, and not with the jobs that wait.
    pub(super) fn put_off_ms(
        &self,
        endpoint: &EndpointId,
        allowed: Allowed,
        now: Timestamp,
    ) -> u64 {
        let mut all = self.lock();
        let under_way = all.entry(endpoint.clone()).or_default();
        let (apart_us, max_ms) = under_way.apart_us(allowed, now);
        under_way.put_off.one_more_ms(apart_us, max_ms, now)
    }

    /// How long a job sleeps that found the endpoint's breaker open until then. `None` for one of
    /// the few that come when it opens: each attempt that they make calls the next two.
    pub(super) fn after_opening_ms(
        &self,
        endpoint: &EndpointId,
        opens_at: Timestamp,
        now: Timestamp,
    ) -> Option<u64> {
        let mut all = self.lock();
        let under_way = all.entry(endpoint.clone()).or_default();
        under_way.opening.one_more_ms(opens_at, now)
    }

    /// How long one that would find no place now would sleep.
    pub(super) fn behind_ms(&self, endpoint: &EndpointId, allowed: Allowed, now: Timestamp) -> u64 {
        self.lock().get_mut(endpoint).map_or(0, |under_way| {
            let (apart_us, max_ms) = under_way.apart_us(allowed, now);
            under_way.put_off.behind_ms(apart_us, max_ms, now)
        })
    }

    /// A job that waits no more.
    pub(super) fn has_come(&self, endpoint: &EndpointId, job: &Job) {
        if let Some(under_way) = self.lock().get_mut(endpoint) {
            under_way.waiting.remove(job);
        }
    }

    /// Remembers a job until a place is free; one that is remembered keeps its turn. False when
    /// nothing is under way any more that could free one, nor comes when the breaker opens.
    pub(super) fn wait(&self, endpoint: &EndpointId, job: Job, now: Timestamp) -> bool {
        let mut all = self.lock();
        let will_call = |known: &&mut UnderWay| known.count > 0 || known.opening.is_awaited(now);
        let under_way = all.get_mut(endpoint).filter(will_call);
        let Some(under_way) = under_way else {
            return false;
        };
        under_way.waiting.add(job);
        true
    }

    /// Those that have waited longest for this endpoint: an answer may have made room for two.
    pub(super) fn next_waiting(&self, endpoint: &EndpointId) -> Vec<Job> {
        let mut all = self.lock();
        let Some(under_way) = all.get_mut(endpoint) else {
            return Vec::new();
        };
        let UnderWay {
            waiting, put_off, ..
        } = under_way;
        let next = std::iter::from_fn(|| waiting.next()).take(2);
        next.inspect(|_| put_off.one_less()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, UnderWay>> {
        self.0
            .lock()
            .expect("no code panics while it holds the pace")
    }
}

impl UnderWay {
    /// What has nothing under way, a full bucket and nobody put off is forgotten.
    fn is_of_interest(&self, now: Timestamp) -> bool {
        let is_waited_for = !self.put_off.is_nobody(now) || self.opening.is_awaited(now);
        self.count > 0 || self.full_at > Some(now) || is_waited_for
    }

    fn ended(&mut self, is_answered: bool, took_us: u64) {
        let is_silent = !is_answered;
        let known_us = self.took_us.filter(|_| is_silent == self.is_silent);
        self.took_us = Some(known_us.map_or(took_us, |known_us| {
            (known_us * (LAST_COUNTS - 1) + took_us) / LAST_COUNTS
        }));
        if self.is_silent && is_answered {
            self.put_off.forget();
        }
        self.is_silent = is_silent;
    }

    /// The time from one job that was put off to the next, and the longest that one is. An attempt
    /// is expected to take as long as the last ones, or as those that are under way have taken
    /// already.
    fn apart_us(&self, allowed: Allowed, now: Timestamp) -> (u64, u64) {
        let quiet_us = if self.count == 0 {
            0
        } else {
            now.since_ms(self.quiet_since) * 1_000
        };
        // Who answers will soon have all of its places, and who does not, none of them.
        let places = if self.is_silent {
            allowed.concurrency.clamp(1, self.at_once)
        } else {
            allowed.concurrency.max(1)
        };
        let by_places_us = self.took_us.unwrap_or(0).max(quiet_us) / u64::from(places);
        let by_rate_us = allowed
            .per_second
            .map_or(0, |rate| 1_000_000 / u64::from(rate.max(1)));
        let apart_us = by_places_us.max(by_rate_us) / COME_FOR_A_PLACE;
        let is_sure = self.is_silent || by_rate_us >= by_places_us.max(1);
        let max_ms = if is_sure {
            PUT_OFF_LONG_MS
        } else {
            PUT_OFF_MAX_MS
        };
        (apart_us, max_ms)
    }
}

impl Place {
    /// Whether the attempt that began at `started` got an answer, of any status.
    pub(super) fn note(&self, is_answered: bool, started: Timestamp, now: Timestamp) {
        if let Some(under_way) = self.pace.lock().get_mut(&self.endpoint) {
            under_way.at_once = if is_answered {
                (under_way.at_once * 2).min(AT_ONCE_MAX)
            } else {
                (under_way.at_once / 2).max(1)
            };
            under_way.ended(is_answered, now.since_ms(started) * 1_000);
            under_way.quiet_since = now;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(under_way) = self.pace.lock().get_mut(&self.endpoint) {
            under_way.count = under_way.count.saturating_sub(1);
        }
    }
}
