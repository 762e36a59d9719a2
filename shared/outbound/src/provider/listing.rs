//! The provider's own list of runs, used to resolve ambiguous submits. Submits of the same minutes
//! share one walk over it, and a walk that is too long for one look goes on at the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fluxgate_core::id::ModelId;
use fluxgate_core::port::{Clock as _, RunList, RunSpan, SystemClock};
use fluxgate_core::time::Timestamp;
use fluxgate_core::trace_context::TraceContext;
use fluxgate_core::{Error, Kind, Result, Retry};

use super::exchange::Exchange;
use super::unavailable;
use super::walk::Walk;

/// For so long a caller waits for others that read the same; as long as one look may take.
pub(super) const LOOK_TIME: Duration = Duration::from_secs(10);
/// Times are rounded to this, so that submits in doubt of about the same time ask for the same.
const ROUNDED_MS: u64 = 60_000;
/// Walks in memory.
const WALKS_MAX: usize = 8;

/// The walks over the list that are under way, or were a moment ago.
#[derive(Default)]
pub(super) struct RunLists {
    walks: Mutex<HashMap<Stretch, Arc<tokio::sync::Mutex<Walk>>>>,
}

/// A model's runs of a time interval.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Stretch {
    pub(super) model: ModelId,
    pub(super) since: Timestamp,
    pub(super) until: Timestamp,
}

impl Stretch {
    /// The longer it is, the coarser it is rounded: a submit of a restored backup asks for hours.
    /// What is left of one that was too long ends to the millisecond where the part before did.
    fn around(model: &ModelId, span: RunSpan) -> Self {
        let RunSpan { since, until, rest } = span;
        let mut unit_ms = ROUNDED_MS;
        while unit_ms.saturating_mul(4) < until.since_ms(since) {
            unit_ms *= 2;
        }
        let unit = i64::try_from(unit_ms).unwrap_or(i64::MAX);
        let floor = |at: i64| at.div_euclid(unit).saturating_mul(unit);
        let ceiling = floor(until.0.saturating_add(unit - 1));
        Self {
            model: model.clone(),
            since: Timestamp(floor(since.0)),
            until: rest.unwrap_or(Timestamp(ceiling)),
        }
    }
}

impl RunLists {
    /// Fails with kind `Busy` if others that read the same take too long.
    pub(super) async fn runs_between(
        &self,
        exchange: &Exchange,
        model: &ModelId,
        span: RunSpan,
        trace: &TraceContext,
    ) -> Result<RunList> {
        let stretch = Stretch::around(model, span);
        let asked_at = SystemClock.now();
        let walk = self.walk(&stretch, asked_at);
        let mut walk = tokio::time::timeout(LOOK_TIME, walk.lock())
            .await
            .map_err(|_| busy())?;
        if walk.has_failed_since(asked_at) {
            // Those who wait in a queue must not each wait for their own time-out.
            let text = "did not give its list of runs a moment ago";
            return Err(unavailable("provider_unavailable", text));
        }
        let now = SystemClock.now();
        if !walk.serves(now) {
            *walk = Walk::begin(now);
        }
        walk.go_on(exchange, &stretch, trace).await?;
        Ok(walk.list(span))
    }

    fn walk(&self, stretch: &Stretch, now: Timestamp) -> Arc<tokio::sync::Mutex<Walk>> {
        let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(walk) = walks.get(stretch) {
            return walk.clone();
        }
        let is_unused = |walk: &Arc<_>| Arc::strong_count(walk) == 1;
        walks.retain(|_, walk| {
            !is_unused(walk) || walk.try_lock().is_ok_and(|walk| walk.serves(now))
        });
        if walks.len() >= WALKS_MAX {
            let begun_at = |walk: &Arc<tokio::sync::Mutex<Walk>>| {
                walk.try_lock().map_or(now, |walk| walk.read_at())
            };
            let unused = walks.iter().filter(|(_, walk)| is_unused(walk));
            let oldest = unused.min_by_key(|(_, walk)| begun_at(walk));
            if let Some(oldest) = oldest.map(|(stretch, _)| stretch.clone()) {
                walks.remove(&oldest);
            }
        }
        let walk = Arc::new(tokio::sync::Mutex::new(Walk::begin(now)));
        walks.insert(stretch.clone(), walk.clone());
        walk
    }
}

fn busy() -> Error {
    let text = "the provider's list of runs takes long to read; it is read on at the next look";
    Error::new(Kind::Busy, "provider_busy", text).retry(Retry::Later)
}
