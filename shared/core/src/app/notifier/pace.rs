//! How many callbacks are under way to an endpoint, and how many a second leave: of this process
//! alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::base::id::EndpointId;
use crate::base::rate::{Rate, TokenBucket};
use crate::base::time::Timestamp;
use crate::domain::task::Job;

/// Jobs of one endpoint that are remembered while its places are taken. Those beyond come by their
/// own delay.
const WAITING_MAX: usize = 1_024;

#[derive(Default, Clone)]
pub(super) struct Pace(Arc<Mutex<HashMap<EndpointId, UnderWay>>>);

/// A receiver that has not answered yet gets so many at once, twice as many with each answer, and
/// half as many with each attempt that got none: one that never answers occupies few workers.
const AT_ONCE_FIRST: u32 = 2;
const AT_ONCE_MAX: u32 = 128;

struct UnderWay {
    count: u32,
    at_once: u32,
    bucket: TokenBucket,
    /// The bucket is of interest until then.
    full_at: Option<Timestamp>,
    /// Who looked while all places were taken, in their order. Those that have looked again since
    /// are in the queue alone.
    waiting: HashSet<Job>,
    queue: VecDeque<Job>,
}

impl Default for UnderWay {
    fn default() -> Self {
        Self {
            count: 0,
            at_once: AT_ONCE_FIRST,
            bucket: TokenBucket::default(),
            full_at: None,
            waiting: HashSet::new(),
            queue: VecDeque::new(),
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
        concurrency: u32,
        per_second: Option<u32>,
        now: Timestamp,
    ) -> Result<Place, Busy> {
        let mut all = self.lock();
        let under_way = all.entry(endpoint.clone()).or_default();
        if under_way.count >= concurrency.clamp(1, under_way.at_once) {
            return Err(Busy::Full);
        }
        if let Some(per_second) = per_second {
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
        under_way.count += 1;
        // What has nothing under way and a full bucket is forgotten.
        all.retain(|_, known| known.count > 0 || known.full_at > Some(now));
        Ok(Place {
            pace: self.clone(),
            endpoint: endpoint.clone(),
        })
    }

    /// A job that has come by its own delay waits no more.
    pub(super) fn has_come(&self, endpoint: &EndpointId, job: &Job) {
        if let Some(under_way) = self.lock().get_mut(endpoint) {
            under_way.waiting.remove(job);
        }
    }

    /// Remembers a job until a place is free. False when nothing is under way any more that could
    /// free one.
    pub(super) fn wait(&self, endpoint: &EndpointId, job: Job) -> bool {
        let mut all = self.lock();
        let under_way = all.get_mut(endpoint).filter(|known| known.count > 0);
        let Some(under_way) = under_way else {
            return false;
        };
        if under_way.queue.len() < WAITING_MAX && under_way.waiting.insert(job.clone()) {
            under_way.queue.push_back(job);
        }
        true
    }

    /// Those that have waited longest for this endpoint: an answer may have made room for two.
    pub(super) fn next_waiting(&self, endpoint: &EndpointId) -> Vec<Job> {
        let mut all = self.lock();
        let Some(under_way) = all.get_mut(endpoint) else {
            return Vec::new();
        };
        let UnderWay { waiting, queue, .. } = under_way;
        let in_turn = std::iter::from_fn(|| queue.pop_front());
        in_turn.filter(|job| waiting.remove(job)).take(2).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, UnderWay>> {
        self.0
            .lock()
            .expect("no code panics while it holds the pace")
    }
}

impl Place {
    /// Whether the attempt got an answer, of any status.
    pub(super) fn note(&self, is_answered: bool) {
        if let Some(under_way) = self.pace.lock().get_mut(&self.endpoint) {
            under_way.at_once = if is_answered {
                (under_way.at_once * 2).min(AT_ONCE_MAX)
            } else {
                (under_way.at_once / 2).max(1)
            };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::TenantId;

    #[test]
    fn an_endpoint_has_so_many_under_way_and_no_more() {
        let pace = Pace::default();
        let (one, other) = (
            EndpointId::parse(&"1".repeat(32)).unwrap(),
            EndpointId::parse(&"2".repeat(32)).unwrap(),
        );
        let now = Timestamp(0);

        let first = pace.take(&one, 2, None, now).unwrap();
        let _second = pace.take(&one, 2, None, now).unwrap();
        assert_eq!(pace.take(&one, 2, None, now).err(), Some(Busy::Full));
        let third = pace.take(&other, 2, None, now).unwrap();
        drop((first, third));
        let _again = pace.take(&one, 2, None, now).unwrap();
        assert_eq!(pace.lock().len(), 1, "the other has nothing under way");
    }

    #[test]
    fn who_found_no_place_is_called_in_turn_while_something_is_under_way() {
        let pace = Pace::default();
        let one = EndpointId::parse(&"1".repeat(32)).unwrap();
        let job = |n: u32| Job::Recover {
            tenant: TenantId::parse("acme").unwrap(),
            endpoint: one.clone(),
            recovery: n,
        };
        assert!(!pace.wait(&one, job(0)), "nothing is under way");

        let place = pace.take(&one, 1, None, Timestamp(0)).unwrap();
        let taken = (1..=2 * WAITING_MAX as u32)
            .all(|n| pace.wait(&one, job(n)) && pace.wait(&one, job(1)));
        drop(place);

        assert!(taken);
        pace.has_come(&one, &job(2));
        assert_eq!(pace.next_waiting(&one), [job(1), job(3)]);
        let others = std::iter::from_fn(|| Some(pace.next_waiting(&one).len()).filter(|n| *n > 0));
        assert_eq!(
            others.sum::<usize>(),
            WAITING_MAX - 3,
            "no more are remembered"
        );
    }

    #[test]
    fn a_receiver_that_answers_gets_more_at_once_and_one_that_does_not_gets_fewer() {
        let pace = Pace::default();
        let one = EndpointId::parse(&"1".repeat(32)).unwrap();
        let taken = |concurrency: u32| {
            let take = || pace.take(&one, concurrency, None, Timestamp(0)).ok();
            std::iter::from_fn(take).collect::<Vec<Place>>()
        };

        let mut places = taken(16);
        assert_eq!(places.len(), 2, "it has not answered yet");
        places.pop().unwrap().note(true);
        places.extend(taken(16));
        assert_eq!(places.len(), 4);
        places.pop().unwrap().note(true);
        places.pop().unwrap().note(true);
        places.extend(taken(16));
        assert_eq!(places.len(), 16, "and never more than its limit");
        for place in places.drain(..8) {
            place.note(false);
        }
        places.truncate(1);
        assert!(
            taken(16).is_empty(),
            "a receiver that has stopped answering"
        );
    }

    #[test]
    fn an_endpoint_is_called_so_often_a_second_and_no_more() {
        let pace = Pace::default();
        let one = EndpointId::parse(&"1".repeat(32)).unwrap();
        let taken = |at: i64| {
            let take = |_: &i32| pace.take(&one, 9, Some(3), Timestamp(at)).is_ok();
            (0..10).filter(take).count()
        };

        assert_eq!(taken(0), 3);
        assert_eq!(taken(100), 0);
        assert_eq!(taken(1_000), 3);
    }
}
