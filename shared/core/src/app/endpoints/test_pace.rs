//! How many test events a tenant may send: they cost nothing, so nothing else bounds them. Of this
//! process alone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use crate::base::error::{Error, Kind, Result, Retry};
use crate::base::id::TenantId;
use crate::base::rate::{Rate, TokenBucket};
use crate::base::time::Timestamp;

const RATE: Rate = Rate {
    per_second: 2,
    burst: 100,
};
/// Test events of one tenant under way at once: one for each endpoint.
const UNDER_WAY_MAX: usize = 16;
const PLACE_AFTER_MS: u64 = 1_000;

#[derive(Default)]
pub(super) struct TestPace(Mutex<HashMap<TenantId, Tests>>);

#[derive(Default)]
struct Tests {
    bucket: TokenBucket,
    under_way: usize,
    /// The bucket is of interest until then.
    full_at: Option<Timestamp>,
}

/// Given back when it is dropped.
pub(super) struct TestPlace<'a> {
    pace: &'a TestPace,
    tenant: TenantId,
}

impl TestPace {
    /// Kind `Busy` with code `too_many_tests`, and when to come again.
    pub(super) fn take(&self, tenant: &TenantId, now: Timestamp) -> Result<TestPlace<'_>> {
        let mut all = self.lock();
        all.retain(|_, tests| tests.under_way > 0 || tests.full_at > Some(now));
        let tests = all.entry(tenant.clone()).or_default();
        if tests.under_way >= UNDER_WAY_MAX {
            return Err(too_many(PLACE_AFTER_MS));
        }
        let decision = tests.bucket.take(RATE, now);
        tests.full_at = Some(now.plus_ms(decision.reset_s * 1_000));
        if let Some(wait_ms) = decision.refused_ms {
            return Err(too_many(wait_ms));
        }
        tests.under_way += 1;
        Ok(TestPlace {
            pace: self,
            tenant: tenant.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Tests>> {
        self.0
            .lock()
            .expect("no code panics while it holds the tests")
    }
}

impl Drop for TestPlace<'_> {
    fn drop(&mut self) {
        if let Some(tests) = self.pace.lock().get_mut(&self.tenant) {
            tests.under_way = tests.under_way.saturating_sub(1);
        }
    }
}

fn too_many(after_ms: u64) -> Error {
    let text = format!(
        "a tenant may send {} test events a second, {} at once; try again in a moment",
        RATE.per_second, UNDER_WAY_MAX
    );
    Error::new(Kind::Busy, "too_many_tests", text).retry(Retry::AfterMs(after_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_s_tests_are_few_at_once_and_few_a_second() {
        let pace = TestPace::default();
        let tenant = |name| TenantId::parse(name).expect("a valid name");
        let (acme, other) = (tenant("acme"), tenant("other"));
        let now = Timestamp(1_000_000);
        let take = || pace.take(&acme, now);

        let places: Vec<_> = (0..UNDER_WAY_MAX).map(|_| take().unwrap()).collect();
        assert_eq!(take().err().map(|error| error.code), Some("too_many_tests"));
        assert!(pace.take(&other, now).is_ok());
        drop(places);
        for _ in UNDER_WAY_MAX..RATE.burst as usize {
            drop(take().unwrap());
        }
        let refused = take().err().expect("the burst is used up");
        assert_eq!(refused.retry, Retry::AfterMs(500));
        assert!(pace.take(&acme, now.plus_ms(1_000)).is_ok());
    }
}
