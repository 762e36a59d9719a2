//! Rate limits per tenant, counted by this process, or shared with others where there are any, and
//! the headers that report them.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use fluxgate_core::app::SharedRates;
use fluxgate_core::id::{TaskId, TenantId};
use fluxgate_core::port::Clock;
use fluxgate_core::rate::{Rate, RateDecision, TokenBucket};
use fluxgate_core::tenant::Principal;
use fluxgate_core::{Error, Kind, Result, Retry, counted};
use quick_cache::sync::Cache;

/// Maximum number of buckets kept: for tenants, twice, and for polled tasks; a bucket that was
/// evicted starts full again.
const TENANTS_MAX: usize = 10_000;
const POLLED_MAX: usize = 100_000;

/// Reading a result once a second does not count, with some tolerance for the client's timer.
const POLL: Rate = Rate {
    per_second: 1,
    burst: 3,
};

/// A tenant that makes keys without end would keep the operator from changing it: each is a version
/// of its record, and an entry of the audit log.
const NEW_KEYS: Rate = Rate {
    per_second: 1,
    burst: 20,
};

/// <https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/>
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

type Buckets<K> = Cache<K, Arc<Mutex<TokenBucket>>>;

/// The tenants' buckets.
pub struct Throttle {
    clock: Arc<dyn Clock>,
    /// For tenants without a limit of their own.
    default: Rate,
    tenants: Buckets<TenantId>,
    polled: Buckets<(TenantId, TaskId)>,
    /// Reads of unknown ids, which would otherwise be unlimited.
    missed: Buckets<TenantId>,
    /// API keys that tenants make.
    new_keys: Buckets<TenantId>,
    /// Where other processes serve the same tenants: for those with a limit of their own.
    shared: Option<Arc<SharedRates>>,
}

/// The tenant's limit as reported in the answer, once it is known.
#[derive(Clone, Default)]
pub(crate) struct RateReport(Arc<OnceLock<(Rate, RateDecision)>>);

impl Throttle {
    pub fn new(clock: Arc<dyn Clock>, default: Rate) -> Self {
        let (tenants, missed) = (Cache::new(TENANTS_MAX), Cache::new(TENANTS_MAX));
        Self {
            clock,
            default,
            tenants,
            polled: Cache::new(POLLED_MAX),
            missed,
            new_keys: Cache::new(TENANTS_MAX),
            shared: None,
        }
    }

    /// Holds tenants' own limits together with other processes. While their store does not answer,
    /// this process counts alone.
    #[must_use]
    pub fn with_shared(mut self, rates: Arc<SharedRates>) -> Self {
        self.shared = Some(rates);
        self
    }

    fn rate(&self, principal: &Principal) -> Rate {
        principal.limits.rate().unwrap_or(self.default)
    }

    /// Counts one request. Kind `Busy` with code `rate_limited` if there were too many.
    pub(crate) async fn request(
        &self,
        principal: &Principal,
        report: Option<&RateReport>,
    ) -> Result<()> {
        let rate = self.rate(principal);
        let shared = match (&self.shared, principal.limits.rate()) {
            (Some(shared), Some(rate)) => {
                // Apart, so that a request that is held afterwards does not hold its memory.
                Box::pin(shared.take(&principal.tenant, rate)).await
            }
            _ => None,
        };
        let taken = shared.unwrap_or_else(|| self.take(&self.tenants, &principal.tenant, rate));
        if let Some(RateReport(told)) = report {
            told.get_or_init(|| (rate, taken));
        }
        taken
            .refused_ms
            .map_or(Ok(()), |after_ms| Err(refusal(rate, after_ms)))
    }

    /// Counts one read of a task's result. It counts as a request only if the last read was less
    /// than a second ago, and only for a tenant with a limit of its own. A tenant that reads
    /// unknown ids faster than its limit is refused too.
    pub(crate) async fn poll(
        &self,
        principal: &Principal,
        task: &TaskId,
        report: Option<&RateReport>,
    ) -> Result<()> {
        let rate = self.rate(principal);
        if let Some(bucket) = self.missed.get(&principal.tenant)
            && let Some(after_ms) = left_in(&bucket).take(rate, self.clock.now()).refused_ms
        {
            return Err(refusal(rate, after_ms));
        }
        if principal.limits.rate().is_none() {
            return Ok(());
        }
        let task = (principal.tenant.clone(), task.clone());
        match self.take(&self.polled, &task, POLL).refused_ms {
            None => Ok(()),
            Some(_) => self.request(principal, report).await,
        }
    }

    /// Counts a read of an unknown id.
    pub(crate) fn missed(&self, principal: &Principal) {
        self.take(&self.missed, &principal.tenant, self.rate(principal));
    }

    /// Counts one API key that a tenant makes. Kind `Busy` as [`Self::request`].
    pub(crate) fn new_key(&self, tenant: &TenantId) -> Result<()> {
        let taken = self.take(&self.new_keys, tenant, NEW_KEYS);
        taken.refused_ms.map_or(Ok(()), |after_ms| {
            let text = "this tenant makes API keys too fast; one a second is possible for long";
            Err(Error::new(Kind::Busy, "rate_limited", text).retry(Retry::AfterMs(after_ms)))
        })
    }

    fn take<K: Eq + std::hash::Hash + Clone>(
        &self,
        buckets: &Buckets<K>,
        key: &K,
        rate: Rate,
    ) -> RateDecision {
        let bucket =
            buckets.get_or_insert_with(key, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(bucket) = bucket;
        bucket
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(rate, self.clock.now())
    }
}

/// Peeks at the bucket without taking a token.
fn left_in(bucket: &Mutex<TokenBucket>) -> TokenBucket {
    *bucket.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refusal(rate: Rate, after_ms: u64) -> Error {
    let Rate { per_second, burst } = rate;
    let text = format!(
        "you sent more than {} a second ({burst} at once); slow down, or ask the operator for a higher limit",
        counted(per_second as usize, "request"),
    );
    Error::new(Kind::Busy, "rate_limited", text).retry(Retry::AfterMs(after_ms))
}

impl RateReport {
    /// Adds the headers to the answer.
    pub(crate) fn tell(&self, headers: &mut HeaderMap) {
        let Some((rate, taken)) = self.0.get() else {
            return;
        };
        let policy = format!("\"requests\";q={};w={}", rate.burst, rate.window_s());
        let limit = format!("\"requests\";r={};t={}", taken.remaining, taken.reset_s);
        for (name, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, limit)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}
