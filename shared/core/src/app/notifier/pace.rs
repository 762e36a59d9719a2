//! How many callbacks are under way to an endpoint, and how many a second leave: of this process
//! alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::base::id::EndpointId;
use crate::base::rate::{Rate, TokenBucket};
use crate::base::time::Timestamp;

#[derive(Default, Clone)]
pub(super) struct Pace(Arc<Mutex<HashMap<EndpointId, UnderWay>>>);

#[derive(Default)]
struct UnderWay {
    count: u32,
    bucket: TokenBucket,
    /// The bucket is of interest until then.
    full_at: Option<Timestamp>,
}

/// Given back when it is dropped.
pub(super) struct Place {
    pace: Pace,
    endpoint: EndpointId,
}

impl Pace {
    /// `None` when as many are under way as may be, or as many have left this second.
    pub(super) fn take(
        &self,
        endpoint: &EndpointId,
        concurrency: u32,
        per_second: Option<u32>,
        now: Timestamp,
    ) -> Option<Place> {
        let mut all = self.lock();
        let under_way = all.entry(endpoint.clone()).or_default();
        if under_way.count >= concurrency.max(1) {
            return None;
        }
        if let Some(per_second) = per_second {
            let rate = Rate {
                per_second,
                burst: per_second,
            };
            let decision = under_way.bucket.take(rate, now);
            under_way.full_at = Some(now.plus_ms(decision.reset_s * 1_000));
            decision.refused_ms.is_none().then_some(())?;
        }
        under_way.count += 1;
        // What has nothing under way and a full bucket is forgotten.
        all.retain(|_, known| known.count > 0 || known.full_at > Some(now));
        Some(Place {
            pace: self.clone(),
            endpoint: endpoint.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<EndpointId, UnderWay>> {
        self.0
            .lock()
            .expect("no code panics while it holds the pace")
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
        assert!(pace.take(&one, 2, None, now).is_none());
        let third = pace.take(&other, 2, None, now).unwrap();
        drop((first, third));
        let _again = pace.take(&one, 2, None, now).unwrap();
        assert_eq!(pace.lock().len(), 1, "the other has nothing under way");
    }

    #[test]
    fn an_endpoint_is_called_so_often_a_second_and_no_more() {
        let pace = Pace::default();
        let one = EndpointId::parse(&"1".repeat(32)).unwrap();
        let taken = |at: i64| {
            let take = |_: &i32| pace.take(&one, 9, Some(3), Timestamp(at)).is_some();
            (0..10).filter(take).count()
        };

        assert_eq!(taken(0), 3);
        assert_eq!(taken(100), 0);
        assert_eq!(taken(1_000), 3);
    }
}
