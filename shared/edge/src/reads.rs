//! Reads that take long: of each tenant this process works on a few at a time, and the others wait
//! their turn.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fluxgate_core::bounds::Bounds;
use fluxgate_core::id::TenantId;
use fluxgate_core::{Error, Kind, Result, Retry, counted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// When a refused client should come again.
const RETRY_MS: u64 = 1_000;
/// How long an answer is written before it gives way to other requests.
const STRETCH: Duration = Duration::from_millis(1);

/// The long reads under way, by tenant.
pub struct Reads {
    at_once: usize,
    waiting_max: usize,
    of_tenants: Mutex<HashMap<TenantId, OfTenant>>,
}

/// There only while the tenant has a read.
struct OfTenant {
    reads: usize,
    turns: Arc<Semaphore>,
}

/// One read being worked on. The next one of its tenant begins when this is dropped.
pub(crate) struct Turn {
    since: Instant,
    /// Given back before the read is discounted, so that no more than `at_once` are worked on.
    _permit: Option<OwnedSemaphorePermit>,
    _counted: Counted,
}

/// A read that waits or is worked on, discounted when it is dropped.
struct Counted {
    reads: Arc<Reads>,
    tenant: TenantId,
}

impl Reads {
    pub fn new(bounds: &Bounds) -> Self {
        Self {
            at_once: bounds.reads_at_once.max(1),
            waiting_max: bounds.reads_waiting_max,
            of_tenants: Mutex::default(),
        }
    }

    /// For a long read that begins. Kind `Busy` with code `too_many_reads` if too many of the
    /// tenant's wait already.
    pub(crate) async fn turn(self: &Arc<Self>, tenant: &TenantId) -> Result<Turn> {
        let most = self.at_once.saturating_add(self.waiting_max);
        let (counted, turns) = self.count(tenant, most)?;
        Ok(Turn::when_free(counted, turns).await)
    }

    /// For the next part of an answer that has begun: never refused.
    pub(crate) async fn next_turn(self: &Arc<Self>, tenant: &TenantId) -> Result<Turn> {
        let (counted, turns) = self.count(tenant, usize::MAX)?;
        Ok(Turn::when_free(counted, turns).await)
    }

    fn count(
        self: &Arc<Self>,
        tenant: &TenantId,
        most: usize,
    ) -> Result<(Counted, Arc<Semaphore>)> {
        let mut of_tenants = self.lock();
        let of_tenant = of_tenants
            .entry(tenant.clone())
            .or_insert_with(|| OfTenant {
                reads: 0,
                turns: Arc::new(Semaphore::new(self.at_once)),
            });
        if of_tenant.reads >= most {
            return Err(too_many(of_tenant.reads));
        }
        of_tenant.reads += 1;
        let counted = Counted {
            reads: self.clone(),
            tenant: tenant.clone(),
        };
        Ok((counted, of_tenant.turns.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, OfTenant>> {
        self.of_tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    async fn when_free(counted: Counted, turns: Arc<Semaphore>) -> Self {
        // Fails only for a semaphore that was closed, and none is.
        let permit = turns.acquire_owned().await.ok();
        Self {
            since: Instant::now(),
            _permit: permit,
            _counted: counted,
        }
    }

    /// To be awaited between the parts of an answer: after a while other requests go first.
    pub(crate) async fn give_way(&mut self) {
        if self.since.elapsed() >= STRETCH {
            tokio::task::yield_now().await;
            self.since = Instant::now();
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut of_tenants = self.reads.lock();
        if let Some(of_tenant) = of_tenants.get_mut(&self.tenant) {
            of_tenant.reads -= 1;
            if of_tenant.reads == 0 {
                of_tenants.remove(&self.tenant);
            }
        }
    }
}

fn too_many(reads: usize) -> Error {
    let text = format!(
        "{} of lists, results or usage wait for their turn already; send the next when an earlier one is answered, and ask for fewer at once",
        counted(reads, "request")
    );
    Error::new(Kind::Busy, "too_many_reads", text).retry(Retry::AfterMs(RETRY_MS))
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[test]
    fn a_second_read_of_a_tenant_waits_while_another_tenant_s_goes_through() {
        let reads = Arc::new(Reads::new(&Bounds {
            reads_at_once: 1,
            reads_waiting_max: 1,
            ..Bounds::default()
        }));
        let tenant = |id| TenantId::parse(id).expect("a valid id");
        let (acme, globex) = (tenant("acme"), tenant("globex"));
        let turn = |tenant: &TenantId| {
            let (reads, tenant) = (reads.clone(), tenant.clone());
            Box::pin(async move { reads.turn(&tenant).await })
        };
        let first = turn(&acme).now_or_never();
        assert!(matches!(first, Some(Ok(_))));

        let mut second = turn(&acme);
        assert!(second.as_mut().now_or_never().is_none(), "it waits");
        let refused = turn(&acme).now_or_never();
        let refused = refused.and_then(Result::err).map(|error| error.code);
        assert_eq!(refused, Some("too_many_reads"));
        assert!(matches!(turn(&globex).now_or_never(), Some(Ok(_))));
        let begun = reads.next_turn(&acme).now_or_never();
        assert!(begun.is_none(), "an answer that has begun waits, as all do");

        drop(first);
        assert!(matches!(second.now_or_never(), Some(Ok(_))));
        assert!(reads.lock().is_empty());
    }
}
